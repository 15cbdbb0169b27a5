//! Live updates: what one browser does, another one shows.

use super::board::{List, unique};
use crate::harness::browser::Scripts;
use crate::harness::{alone, shared};

#[tokio::test]
async fn a_task_appears_and_moves_in_a_second_browser_without_a_reload() {
    let (stack, _turn) = shared().await;
    let (writer, reader) = (stack.browser(Scripts::On).await, stack.browser(Scripts::On).await);
    let title = unique("Paint the hull");
    for browser in [&writer, &reader] {
        browser.open_board().await;
        browser.mark().await;
    }
    writer.add(&title).await;
    writer.task(List::Open, &title).await;
    reader.task(List::Open, &title).await;
    reader.complete(&title).await;
    for browser in [&reader, &writer] {
        browser.task(List::Done, &title).await;
        browser.gone(List::Open, &title).await;
        browser.still_marked().await;
        assert_eq!(browser.console().await, [""; 0]);
    }
    // What was said live is what the server says.
    reader.open_board().await;
    reader.gone(List::Open, &title).await;
}

#[tokio::test]
async fn the_counts_of_every_browser_follow() {
    // Nobody else changes the counts meanwhile.
    let (stack, _turn) = alone().await;
    let (writer, reader) = (stack.browser(Scripts::On).await, stack.browser(Scripts::On).await);
    for browser in [&writer, &reader] {
        browser.open_board().await;
    }
    let settled = "return fetch('/api/v1/stats').then((answer) => answer.json())";
    let before = writer.script(settled).await;
    let (created, open, done) =
        (before["created"].as_u64().expect("a count"), writer.number("[data-count=open]").await, writer.number("[data-count=done]").await);
    let title = unique("Count the anchors");
    writer.add(&title).await;
    for browser in [&writer, &reader] {
        browser.until_number("[data-count=open]", open + 1).await;
        browser.until_number("[data-stat=created]", created + 1).await;
    }
    // With the mouse, which is safe where nothing moves.
    let task = reader.task(List::Open, &title).await;
    reader.click(&format!("{task} button")).await;
    for browser in [&writer, &reader] {
        browser.until_number("[data-count=open]", open).await;
        browser.until_number("[data-count=done]", done + 1).await;
        assert_eq!(browser.number("[data-stat=created]").await, created + 1);
    }
}

#[tokio::test]
async fn two_presses_create_one_task() {
    let (stack, _turn) = shared().await;
    let browser = stack.browser(Scripts::On).await;
    browser.open_board().await;
    let title = unique("Ring the bell once");
    browser.fill("#title", &title).await;
    // Both in one go, before an answer can be here.
    browser.script("const form = document.querySelector('[data-form=create]'); form.requestSubmit(); form.requestSubmit()").await;
    browser.task(List::Open, &title).await;
    browser.until("the form is ready again", "return !document.querySelector('[data-form=create]').hasAttribute('aria-busy')").await;
    browser.open_board().await;
    browser.task(List::Open, &title).await;
    let same = browser.texts("#open-tasks .task-title").await.expect("the list can be read");
    assert_eq!(same.iter().filter(|found| **found == title).count(), 1);
}
