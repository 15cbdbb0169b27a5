//! Pages keep nobody out, as far as a program can tell: contrast, names, roles, structure. Every page, by day and by night, wide and narrow.

use super::looks::dark;
use super::scene::{PAGES, RIGGING};
use crate::harness::browser::{Browser, Scripts};
use crate::harness::{alone, shared};

/// Wide by day and by night, and a phone by day and by night.
const WINDOWS: [(u32, bool); 4] = [(1280, false), (1280, true), (390, false), (390, true)];

#[tokio::test]
async fn pages_keep_nobody_out() {
    let (stack, _turn) = alone().await;
    let amara = stack.scene().await;
    let (mut found, mut checked) = (Vec::new(), 0);
    for window in WINDOWS {
        let browser = opened(stack.browser_of(&amara, Scripts::On).await, window).await;
        // The last one is a page of the proxy's own.
        for path in PAGES.into_iter().chain(["/_dev/"]) {
            browser.open(path).await;
            if browser.script("return document.getElementById('live') !== null").await == true {
                browser.until_live().await;
            }
            // What is folded is looked at unfolded.
            browser.script("for (const fold of document.querySelectorAll('details')) fold.open = true").await;
            found.extend(barriers(&browser, &format!("{path} {window:?}")).await);
            checked += 1;
        }
    }
    assert_eq!(checked, (PAGES.len() + 1) * WINDOWS.len());
    assert!(found.is_empty(), "these keep people out:\n{}", found.join("\n"));
}

#[tokio::test]
async fn pages_that_say_no_keep_nobody_out() {
    let (stack, _turn) = alone().await;
    let mut found = Vec::new();
    for window in WINDOWS {
        let amara = stack.scene().await;
        let browser = opened(stack.browser_of(&amara, Scripts::On).await, window).await;
        browser.open_task(RIGGING).await;
        stack.meddle(&amara, RIGGING).await;
        browser.see("#changed", "changed meanwhile").await;
        found.extend(barriers(&browser, &format!("a changed task {window:?}")).await);
        browser.fill("#title", "Check the winches").await;
        browser.click("#edit .primary").await;
        browser.see("#summary", "Somebody else changed this task").await;
        found.extend(barriers(&browser, &format!("a conflict {window:?}")).await);
        browser.open("/account").await;
        browser.fill("#new_password", "short").await;
        browser.click("form[action='/account/password'] .button").await;
        browser.see("#summary", "Nothing was saved").await;
        found.extend(barriers(&browser, &format!("a refused password {window:?}")).await);
        stack.sql("TRUNCATE tasks, attachments, exports, jobs");
        for path in ["/", "/exports", "/admin/jobs"] {
            browser.open(path).await;
            found.extend(barriers(&browser, &format!("{path} with nothing in it {window:?}")).await);
        }

        let stranger = opened(stack.strange_browser(Scripts::On).await, window).await;
        for path in ["/sign-in", "/sign-up"] {
            stranger.open(path).await;
            found.extend(barriers(&stranger, &format!("{path} {window:?}")).await);
        }
        stranger.click("main .primary").await;
        stranger.see("#email-error", "must").await;
        found.extend(barriers(&stranger, &format!("a refused sign-up {window:?}")).await);
        stranger.open("/sign-in").await;
        stranger.sign_in_with("nobody", "wrong").await;
        stranger.see("#summary", "").await;
        found.extend(barriers(&stranger, &format!("a refused sign-in {window:?}")).await);
    }
    assert!(found.is_empty(), "these keep people out:\n{}", found.join("\n"));
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
    assert_eq!(barriers(&browser, "a page with a barrier").await.len(), 1);
}

async fn opened(browser: Browser, (width, night): (u32, bool)) -> Browser {
    browser.resize(width, 844).await;
    if night {
        dark(&browser).await;
    }
    browser
}

/// What keeps people out of the page that is shown, in words.
async fn barriers(browser: &Browser, page: &str) -> Vec<String> {
    let all = browser.barriers().await;
    all.iter().filter(|barrier| barrier.keeps_people_out()).map(|barrier| format!("{page}: {barrier}")).collect()
}
