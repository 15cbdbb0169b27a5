//! What pages weigh, whether they hold still while they load, and whether the console stays empty.

use serde_json::{Value, json};

use super::scene::{PAGES, RIGGING};
use crate::harness::alone;
use crate::harness::browser::{Browser, Scripts};

/// The most that a first visit of a full board may transfer.
const WEIGHT: u64 = 60 * 1024;
/// The largest shift of a page that nobody notices.
const SHIFT: f64 = 0.02;
/// The sum of all shifts since the page began to load.
const SHIFTS: &str = "return new Promise((done) => {
    let sum = 0;
    const count = (entries) => { for (const entry of entries) sum += entry.value; };
    const observer = new PerformanceObserver((list) => count(list.getEntries()));
    observer.observe({ type: 'layout-shift', buffered: true });
    requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => { count(observer.takeRecords()); done(sum); })));
})";

#[tokio::test]
#[allow(clippy::print_stdout, reason = "the figure is worth reading when all is well")]
async fn a_full_board_is_light() {
    let (stack, _turn) = alone().await;
    let amara = stack.scene().await;
    for number in 0..44 {
        let task = json!({ "title": format!("Bring crate {number} of the spare parts on board"), "assignee_id": amara.id, "due_on": "2027-04-01" });
        stack.task_of(&amara, task).await;
    }
    let browser = stack.browser_of(&amara, Scripts::On).await;
    browser.open_board().await;
    assert_eq!(browser.script("return document.querySelectorAll('#board .task').length").await, 50);
    let all = "return [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')].map((entry) => [new URL(entry.name).pathname, entry.transferSize])";
    let all = browser.script(all).await;
    let parts: Vec<(&str, u64)> =
        all.as_array().unwrap().iter().map(|part| (part[0].as_str().unwrap(), part[1].as_u64().unwrap())).collect();
    let weight: u64 = parts.iter().map(|(_, bytes)| bytes).sum();
    println!("a first visit of a board of 50 tasks transfers {weight} bytes: {parts:?}");
    assert!(weight <= WEIGHT, "{weight} bytes: {parts:?}");
    // Less would mean that not all of it was counted.
    assert!(weight > 10_000 && parts.iter().any(|(path, _)| path.ends_with(".css")), "{weight} bytes: {parts:?}");
}

#[tokio::test]
async fn pages_hold_still_and_say_nothing_to_the_console() {
    let (stack, _turn) = alone().await;
    let amara = stack.scene().await;
    for width in [1280, 390] {
        let browser = stack.browser_of(&amara, Scripts::On).await;
        browser.resize(width, 844).await;
        for path in PAGES {
            check(&browser, path, width).await;
        }
        let stranger = stack.strange_browser(Scripts::On).await;
        stranger.resize(width, 844).await;
        for path in ["/sign-in", "/sign-up"] {
            check(&stranger, path, width).await;
        }
    }
}

#[tokio::test]
async fn shifts_are_counted() {
    let (stack, _turn) = alone().await;
    let amara = stack.scene().await;
    let browser = stack.browser_of(&amara, Scripts::On).await;
    browser.open_task(RIGGING).await;
    // A page that moves down is noticed, and so is a script that the policy refuses.
    browser.script("document.querySelector('main').prepend(Object.assign(document.createElement('p'), { textContent: 'Wait!', style: 'height: 300px' }))").await;
    browser.until("the shift is counted", &SHIFTS.replace("done(sum)", &format!("done(sum > {SHIFT})"))).await;
    browser
        .script("document.body.append(Object.assign(document.createElement('script'), { src: 'https://evil.example/script.js' }))")
        .await;
    crate::harness::eventually("the console has it", crate::harness::browser::PATIENCE, || async {
        if browser.console().await.is_empty() { Err("it is empty") } else { Ok(()) }
    })
    .await;
}

async fn check(browser: &Browser, path: &str, width: u32) {
    browser.open(path).await;
    if browser.script("return document.getElementById('live') !== null").await == true {
        browser.until_live().await;
    }
    browser.until("the page is complete", "return document.readyState === 'complete'").await;
    let shift = browser.script(SHIFTS).await.as_f64().expect("a number");
    assert!(shift < SHIFT, "{path} shifts by {shift} at {width}");
    let loud: Vec<String> = browser.console().await.into_iter().filter(|line| !is_expected(path, line)).collect();
    assert_eq!(loud, [""; 0], "{path}");
    assert_ne!(browser.script("return document.body.textContent.trim()").await, Value::from(""), "{path}");
}

/// A page that says that there is nothing is answered with a status that browsers write to their console.
fn is_expected(path: &str, line: &str) -> bool {
    path == "/no/such/page" && line.contains("404")
}
