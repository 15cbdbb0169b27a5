//! Pages keep nobody out, as far as a program can tell: contrast, names, roles, structure.

use super::looks::dark;
use crate::harness::browser::Scripts;
use crate::harness::shared;

/// Pages of the frontend, and one of the proxy's own.
const PAGES: [&str; 3] = ["/", "/no/such/page", "/_dev/"];

#[tokio::test]
async fn pages_keep_nobody_out_by_day_and_by_night() {
    let (stack, _turn) = shared().await;
    let browser = stack.browser(Scripts::On).await;
    for path in PAGES {
        browser.open(path).await;
        browser.has_no_barriers(path).await;
    }
    dark(&browser).await;
    for path in PAGES {
        browser.open(path).await;
        browser.has_no_barriers(&format!("{path} in the dark")).await;
    }
}

#[tokio::test]
async fn barriers_are_found() {
    let (stack, _turn) = shared().await;
    let browser = stack.browser(Scripts::On).await;
    browser.open("/no/such/page").await;
    browser.script("document.querySelector('main').append(Object.assign(document.createElement('img'), { src: 'data:,' }))").await;
    let found = browser.barriers().await;
    let nameless = found.iter().find(|barrier| barrier.id == "image-alt").unwrap_or_else(|| panic!("{found:?}"));
    assert_eq!(nameless.impact, "critical");
    assert!(nameless.nodes.iter().any(|(target, html)| target.contains("img") && html.starts_with("<img")), "{nameless}");
}
