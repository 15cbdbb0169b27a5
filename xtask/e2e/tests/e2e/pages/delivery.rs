//! How the board arrives in a browser: from one origin, quietly, small, and cached for as long as possible.

use serde_json::Value;

use super::board::{List, unique};
use crate::harness::browser::{Browser, Scripts};
use crate::harness::{INSIDE_URL, shared};

/// The most that a first visit of the board may transfer.
const WEIGHT: u64 = 60 * 1024;

#[tokio::test]
async fn the_board_needs_no_other_origin_and_the_console_is_empty() {
    let (stack, _turn) = shared().await;
    let browser = stack.browser(Scripts::On).await;
    browser.open_board().await;
    let title = unique("Count the crates");
    browser.add(&title).await;
    browser.complete(&title).await;
    browser.task(List::Done, &title).await;
    let requests = requests(&browser).await;
    for request in &requests {
        let address = request["name"].as_str().unwrap_or_default();
        assert!(address.starts_with(&format!("{INSIDE_URL}/")), "{address} is another origin");
        assert!(matches!(request["responseStatus"].as_u64(), Some(200 | 201)), "{request}");
    }
    let asked = |path: &str| requests.iter().any(|request| request["name"].as_str().is_some_and(|name| name.contains(path)));
    assert!(asked("/static/") && asked("/api/v1/tasks"), "these are not the requests of the board: {requests:?}");
    // A refusal by the content security policy would be written there, a missing file as well.
    assert_eq!(browser.console().await, [""; 0]);
}

#[tokio::test]
async fn assets_are_fingerprinted_and_kept() {
    let (stack, _turn) = shared().await;
    let browser = stack.browser(Scripts::On).await;
    browser.open_board().await;
    // Those that the page loads, and those that only browsers with an address bar ask for.
    let named = "return [...new Set([...performance.getEntriesByType('resource').map((entry) => entry.name),
                 ...[...document.querySelectorAll('link[href], script[src]')].map((element) => element.href || element.src)])]
                 .filter((address) => new URL(address).pathname.startsWith('/static/'))";
    let named = browser.script(named).await;
    let named: Vec<&str> = named.as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert!(named.len() >= 8, "there are more assets than {named:?}");
    for address in named {
        let fingerprint = address.rsplit('.').nth(1).unwrap_or_default();
        assert!(fingerprint.len() == 12 && fingerprint.bytes().all(|byte| byte.is_ascii_hexdigit()), "{address} has no fingerprint");
        let caching = browser.script(&format!("return fetch('{address}').then((answer) => answer.headers.get('cache-control'))")).await;
        assert_eq!(caching, "public, max-age=31536000, immutable", "{address}");
    }
    // The second visit asks for the page and for what is new in it, and for no asset.
    browser.open_board().await;
    for request in requests(&browser).await.iter().filter(|request| request["name"].as_str().is_some_and(|name| name.contains("/static/")))
    {
        assert_eq!(request["transferSize"], 0, "{request} was loaded again");
    }
}

#[tokio::test]
async fn a_first_visit_is_light() {
    let (stack, _turn) = shared().await;
    let browser = stack.browser(Scripts::On).await;
    browser.open_board().await;
    let requests = requests(&browser).await;
    let weight: u64 = requests.iter().filter_map(|request| request["transferSize"].as_u64()).sum();
    assert!(weight <= WEIGHT, "{weight} bytes: {requests:#?}");
    // Less would mean that not all of it was counted.
    assert!(weight > 5_000, "{weight} bytes: {requests:#?}");
}

/// Everything that the page has loaded, itself first.
async fn requests(browser: &Browser) -> Vec<Value> {
    let all = "return [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')].map((entry) => entry.toJSON())";
    let all = browser.script(all).await;
    all.as_array().expect("a list").clone()
}
