//! What developers see, as tests look at it: in windows of several sizes, by day and by night.

use std::path::Path;

use serde_json::json;

use super::eventually;
use crate::harness::Stack;
use crate::harness::browser::{Browser, PATIENCE};

/// A window: what the names of its pictures end with, its size, and whether it is night.
const WINDOWS: [(&str, (u32, u32), bool); 4] =
    [("", (1280, 860), false), ("-dark", (1280, 860), true), ("-phone", (390, 844), false), ("-phone-dark", (390, 844), true)];

/// Looks at the page in every window: it keeps nobody out, and needs no scrolling to the side. The pictures are in `target/screenshots`.
pub(super) async fn look(browser: &Browser, name: &str) {
    let mut found = Vec::new();
    for (ending, (width, height), night) in WINDOWS {
        browser.resize(width, height).await;
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": if night { "dark" } else { "light" } }] });
        browser.devtools("Emulation.setEmulatedMedia", features).await;
        let ready = format!("return innerWidth === {width} && matchMedia('(prefers-color-scheme: dark)').matches === {night}");
        browser.until("the window is another one", &ready).await;
        settled(browser).await;
        assert_eq!(browser.script("return document.documentElement.scrollWidth").await, width, "{name}{ending} is wider than its window");
        found.extend(browser.barriers().await.iter().map(|barrier| format!("{name}{ending}: {barrier}")));
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("screenshots");
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join(format!("dev-{name}{ending}.png")), browser.picture().await.unwrap()).unwrap();
    }
    browser.devtools("Emulation.setEmulatedMedia", json!({ "features": [] })).await;
    browser.resize(1280, 860).await;
    assert!(found.is_empty(), "these keep people out:\n{}", found.join("\n"));
}

/// Waits for the end of all movements: what is half transparent is not what people read.
async fn settled(browser: &Browser) {
    let still = "const roots = [document, ...[...document.querySelectorAll('*')].map((element) => element.shadowRoot).filter(Boolean)];
        return roots.flatMap((root) => root.getAnimations()).every((one) => one.effect.getTiming().iterations === Infinity || one.playState === 'finished')";
    browser.until("nothing moves", still).await;
}

/// Waits until so many connections to the hub are open.
pub(super) async fn connections(stack: &Stack, wanted: u64) {
    eventually(&format!("{wanted} connections to the hub"), PATIENCE, || async {
        let open = stack.get("/_dev/health").await.with(200).json()["browsers"].clone();
        anyhow::ensure!(open == wanted, "{open} are open");
        Ok(())
    })
    .await;
}
