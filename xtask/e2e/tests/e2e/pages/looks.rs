//! How the board looks: on phones and in the dark.

use serde_json::json;

use super::board::{List, unique};
use crate::harness::browser::{Browser, Scripts};
use crate::harness::shared;

#[tokio::test]
async fn narrow_windows_need_no_sideways_scrolling() {
    let (stack, _turn) = shared().await;
    let browser = stack.browser(Scripts::On).await;
    browser.open_board().await;
    let long = unique(
        "Ask whether the Kittiwake's Fastnetrennenvorbereitungsbesprechungsprotokoll https://example.com/a/very/long/address/without/a/place/to/break has arrived",
    );
    browser.add(&long).await;
    let task = browser.task(List::Open, &long).await;
    for width in [320, 390] {
        browser.resize(width, 844).await;
        browser.until("the screen is narrow", &format!("return screen.width === {width}")).await;
        assert_eq!(browser.script("return document.documentElement.scrollWidth").await, width);
        // Fingers need room, and nothing is cut off at the side.
        for control in ["#title", ".primary", &format!("{task} button")] {
            let place = browser.script(&format!("return document.querySelector('{control}').getBoundingClientRect().toJSON()")).await;
            assert!(
                place["height"].as_f64() >= Some(43.9) && place["width"].as_f64() >= Some(43.9),
                "{control} is small at {width}: {place}"
            );
            assert!(
                place["left"].as_f64() >= Some(0.0) && place["right"].as_f64() <= Some(f64::from(width)),
                "{control} is cut off at {width}: {place}"
            );
        }
    }
}

#[tokio::test]
async fn the_board_is_dark_for_those_who_want_it_dark() {
    let (stack, _turn) = shared().await;
    let browser = stack.browser(Scripts::On).await;
    browser.open_board().await;
    assert!(lightness(&browser, "backgroundColor").await > lightness(&browser, "color").await);
    dark(&browser).await;
    assert!(lightness(&browser, "backgroundColor").await < 64);
    assert!(lightness(&browser, "color").await > 192);
}

/// Makes the browser one of somebody who wants it dark.
pub(super) async fn dark(browser: &Browser) {
    let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": "dark" }] });
    browser.devtools("Emulation.setEmulatedMedia", features).await;
    browser.until("the page is dark", "return matchMedia('(prefers-color-scheme: dark)').matches").await;
}

/// How light a colour of the page is, from 0 to 255.
async fn lightness(browser: &Browser, property: &str) -> u64 {
    let mean = format!(
        "return Math.round(getComputedStyle(document.body).{property}.match(/\\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 3)"
    );
    browser.script(&mean).await.as_u64().expect("a number")
}
