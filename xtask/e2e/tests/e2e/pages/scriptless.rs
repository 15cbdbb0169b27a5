//! The board in a browser without scripts: forms and links do everything.

use super::board::{List, unique};
use crate::harness::browser::Scripts;
use crate::harness::shared;

#[tokio::test]
async fn a_task_is_created_and_completed_without_scripts() {
    let (stack, _turn) = shared().await;
    let browser = stack.browser(Scripts::Off).await;
    let title = unique("Caulk the seams");
    browser.open("/").await;
    browser.add(&title).await;
    let task = browser.task(List::Open, &title).await;
    // The answer to the form was a redirect to the new task, so that loading the page again sends nothing.
    assert_eq!(browser.client().current_url().await.expect("an address").fragment().map(|id| format!("#{id}")), Some(task));
    assert_eq!(browser.script("return performance.getEntriesByType('navigation')[0].redirectCount").await, 1);
    browser.client().refresh().await.expect("the page loads again");
    browser.task(List::Open, &title).await;
    let same = browser.texts("#open-tasks .task-title").await.expect("the list can be read");
    assert_eq!(same.iter().filter(|found| **found == title).count(), 1);

    browser.complete(&title).await;
    browser.gone(List::Open, &title).await;
    // Where many tasks are open, the done ones begin on a later page.
    while browser.script(&format!("return document.getElementById('done-tasks').textContent.includes('{title}')")).await != true {
        browser.click(".pages a[href*=before]").await;
    }
    browser.task(List::Done, &title).await;
}

#[tokio::test]
async fn a_refused_title_comes_back_with_the_reason_without_scripts() {
    let (stack, _turn) = shared().await;
    let browser = stack.browser(Scripts::Off).await;
    browser.open("/").await;
    let long = format!("{} end", "x".repeat(200));
    for (title, reason) in [("   ", "must not be empty"), (&*long, "must have at most 200 characters")] {
        browser.add(title).await;
        browser.see("#title-error", reason).await;
        assert_eq!(browser.status().await, 422);
        assert_eq!(browser.script("return document.getElementById('title').value").await, title);
        assert_eq!(browser.script("return document.getElementById('title').getAttribute('aria-invalid')").await, "true");
        assert_eq!(browser.script("return document.activeElement.id").await, "title");
        assert!(browser.client().title().await.expect("a title").starts_with("Not saved"));
    }
    // The corrected text is accepted from the same page.
    let title = unique("Shorter");
    browser.add(&title).await;
    browser.task(List::Open, &title).await;
}

#[tokio::test]
async fn nothing_in_the_page_waits_for_scripts() {
    let (stack, _turn) = shared().await;
    let browser = stack.browser(Scripts::Off).await;
    browser.open("/").await;
    let title = unique("Read me");
    browser.add(&title).await;
    browser.task(List::Open, &title).await;
    browser.see("h1", "On the slip").await;
    browser.see("[data-count=open]", "").await;
    // The indicator of what scripts do is out of sight, every button sends a form, and every form leads somewhere.
    assert!(!browser.element("#live").await.is_displayed().await.expect("the indicator can be looked at"));
    assert_eq!(browser.script("return [...document.querySelectorAll('button')].filter((button) => !button.form).length").await, 0);
    let lost = "return [...document.forms].flatMap((form) => [form, ...form.querySelectorAll('[formaction]')]).filter((place) =>
                    !(place.getAttribute('formaction') ?? place.getAttribute('action'))?.startsWith('/')).map((place) => place.outerHTML)";
    assert_eq!(browser.script(lost).await, serde_json::json!([]));
    assert_eq!(browser.script("return document.querySelectorAll('a:not([href]), [onclick], [href^=javascript]').length").await, 0);
    assert_eq!(browser.script("return document.getElementById('live').dataset.state").await, "off");
}
