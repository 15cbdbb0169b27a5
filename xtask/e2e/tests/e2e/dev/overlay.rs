//! Mistakes as whoever has a page of the site open sees them: what and where, without losing the page, and only until they are mended.

use serde_json::{Value, json};

use super::VERSION;
use super::windows::{connections, look};
use crate::harness::browser::{Browser, Scripts};
use crate::harness::workshop::Workshop;

const MAIN: &str = "backend/src/main.rs";
const PROXY: &str = "proxy/conf/timeouts.conf";
const MIGRATION: &str = "backend/migrations/20990101000002_chart_the_reefs.up.sql";
const TYPED: &str = "Whip the rope ends";
/// What would be an element if it were taken for markup.
const MARKUP: &str = "<img src=x onerror='window.struck = true'>";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_overlay_shows_each_mistake_until_it_is_mended() {
    let mut workshop = Workshop::open().await;
    let browser = workshop.stack.browser(Scripts::On).await;
    browser.open("/").await;
    let first = browser.client().window().await.unwrap();
    let second = browser.client().new_window(true).await.unwrap().handle;
    browser.client().switch_to_window(second.clone()).await.unwrap();
    browser.open("/account").await;
    browser.client().switch_to_window(first.clone()).await.unwrap();
    browser.see("#live[data-state=live]", "Live").await;
    connections(&workshop.stack, 1).await;
    browser.fill("#title", TYPED).await;
    browser.script("window.marked = true").await;

    // What the compiler says, with colours, and as text.
    let fine = workshop.text(VERSION);
    workshop.edit(VERSION, "Json(json!(", &format!("let depth: u32 = \"{MARKUP}\";\n    Json(json!("));
    workshop.see("version.rs → is not live");
    let line = workshop.text(VERSION).lines().position(|line| line.contains("let depth")).unwrap() + 1;
    let shown = overlay(&browser, "mismatched types").await;
    assert_eq!(shown["kind"], "Does not compile · backend");
    let place = shown["place"].as_str().unwrap();
    assert!(place.starts_with(&format!("{VERSION}:{line}:")), "{place}");
    let editor = format!("vscode://file{}", workshop.path(VERSION).display());
    assert!(shown["editor"].as_str().unwrap().starts_with(&format!("{editor}:{line}:")), "{shown}");
    let text = shown["text"].as_str().unwrap();
    assert!(text.contains(&format!("let depth: u32 = \"{MARKUP}\";")) && text.contains("expected `u32`, found `&str`"), "{text}");
    assert!(!text.contains('\u{1b}') && !text.contains("[0m"), "{text}");
    assert_eq!(shown["elements"], json!(["span"]));
    assert!(shown["colours"].as_u64() >= Some(3), "{shown}");
    // The other tab has it from the same connection.
    browser.client().switch_to_window(second.clone()).await.unwrap();
    assert_eq!(overlay(&browser, "mismatched types").await, shown);
    browser.client().switch_to_window(first.clone()).await.unwrap();
    connections(&workshop.stack, 1).await;
    look(&browser, "overlay").await;
    the_page_stays_usable(&browser).await;

    // The newest is shown, also if its title looks like markup.
    workshop.save(VERSION, &fine.replace("Json(json!(", &format!("compile_error!(\"{MARKUP}\");\n    Json(json!(")));
    workshop.see("version.rs → is not live");
    assert_eq!(overlay(&browser, MARKUP).await["title"], MARKUP);
    assert_eq!(browser.script("return 'struck' in window").await, false);
    workshop.save(VERSION, &fine);
    workshop.see("version.rs → built");
    mended(&browser).await;
    browser.client().switch_to_window(second).await.unwrap();
    mended(&browser).await;
    browser.client().switch_to_window(first).await.unwrap();

    workshop.save(MIGRATION, "CREATE TABLE reefs (depth integer NOT NULL CHECK (depth > nothing));\n");
    workshop.see("is not live");
    let shown = overlay(&browser, "the migration failed").await;
    assert_eq!(shown["kind"], "Migration failed · migrate");
    assert!(shown["text"].as_str().unwrap().contains("column \"nothing\" does not exist"), "{shown}");
    look(&browser, "overlay-migration").await;
    std::fs::remove_file(workshop.path(MIGRATION)).unwrap();
    workshop.see(&format!("{MIGRATION} → built"));
    mended(&browser).await;

    workshop.edit(PROXY, "client_body_timeout", "steer_by_the stars;\nclient_body_timeout");
    let shown = overlay(&browser, "refuses its new files").await;
    assert_eq!(shown["kind"], "Proxy refused its configuration · proxy");
    assert!(shown["text"].as_str().unwrap().contains("unknown directive \"steer_by_the\""), "{shown}");
    workshop.edit(PROXY, "steer_by_the stars;\n", "");
    mended(&browser).await;

    workshop.edit(MAIN, "let outcome = match", "assert_eq!(std::env::args().count(), 0, \"run aground\");\n    let outcome = match");
    workshop.see("main.rs → is not live");
    let shown = overlay(&browser, "the new program does not start").await;
    assert!(shown["kind"].as_str().unwrap().starts_with("Program panicked · "), "{shown}");
    assert!(shown["text"].as_str().unwrap().contains("run aground"), "{shown}");
    assert!(shown["place"].as_str().unwrap().starts_with("backend/src/main.rs:"), "{shown}");
    look(&browser, "overlay-panic").await;
    workshop.edit(MAIN, "assert_eq!(std::env::args().count(), 0, \"run aground\");\n    ", "");
    workshop.see("main.rs → built");
    mended(&browser).await;
    assert_eq!(browser.console().await, [""; 0]);
}

/// Waits until the overlay has a title that contains `title`; returns what it shows.
async fn overlay(browser: &Browser, title: &str) -> Value {
    let script = format!(
        "const root = document.querySelector('dev-problems')?.shadowRoot;
         const part = (selector) => root.querySelector(selector);
         if (!root || !part('.title').textContent.includes({})) return null;
         const inside = [...part('.text').querySelectorAll('*')];
         return {{
           kind: part('.kind').textContent, title: part('.title').textContent, text: part('.text').textContent,
           place: part('.place').hidden ? null : part('.place').textContent, editor: part('.place').getAttribute('href'),
           elements: [...new Set(inside.map((element) => element.localName))],
           colours: new Set(inside.map((element) => getComputedStyle(element).color)).size,
         }}",
        json!(title)
    );
    browser.until(&format!("an overlay with `{title}`"), &script).await
}

/// Waits until nothing is shown any more; what was typed into the page is still there.
async fn mended(browser: &Browser) {
    browser.until("the overlay is gone", "return document.querySelector('dev-problems') === null").await;
    let typed = format!("const title = document.getElementById('title'); return !title || title.value === {}", json!(TYPED));
    browser.until("what was typed is still there", &typed).await;
}

/// With a problem shown, the page takes clicks and keys, and the overlay folds when it is in the way.
async fn the_page_stays_usable(browser: &Browser) {
    browser.click("#title").await;
    browser.press(" twice".chars()).await;
    assert_eq!(browser.script("return document.getElementById('title').value").await, format!("{TYPED} twice"));
    browser.fill("#title", TYPED).await;
    let height = "return document.querySelector('dev-problems').shadowRoot.querySelector('.panel').getBoundingClientRect().height";
    let folded = "return document.querySelector('dev-problems').shadowRoot.querySelector('.panel').hasAttribute('data-folded')";
    let tall = browser.script(height).await.as_f64().unwrap();
    browser.press(['\u{e00c}']).await;
    browser.until("the overlay is folded", folded).await;
    assert!(browser.script(height).await.as_f64().unwrap() < tall / 2.0);
    // What was behind it can be clicked: the footer is in front.
    look(browser, "overlay-folded").await;
    press_fold(browser).await;
    assert_eq!(browser.script(folded).await, false);
    press_fold(browser).await;
    assert_eq!(browser.script(folded).await, true);
    press_fold(browser).await;
    assert_eq!(browser.script("return window.marked").await, true);
}

/// Clicks the button that folds, with the mouse.
async fn press_fold(browser: &Browser) {
    let place = "return document.querySelector('dev-problems').shadowRoot.querySelector('.fold').getBoundingClientRect().toJSON()";
    let place = browser.script(place).await;
    let middle = |from: &str, size: &str| place[from].as_f64().unwrap() + place[size].as_f64().unwrap() / 2.0;
    for kind in ["mousePressed", "mouseReleased"] {
        let event = json!({ "type": kind, "x": middle("x", "width"), "y": middle("y", "height"), "button": "left", "clickCount": 1 });
        browser.devtools("Input.dispatchMouseEvent", event).await;
    }
}
