//! What people see while a part of the stack is away, and how pages come back.

use super::board::{List, unique};
use crate::harness::browser::Scripts;
use crate::harness::{alone, shared};

#[tokio::test]
async fn an_address_without_a_page_leads_back_to_the_board() {
    let (stack, _turn) = shared().await;
    let browser = stack.browser(Scripts::On).await;
    browser.open("/no/such/page").await;
    assert_eq!(browser.status().await, 404);
    browser.see(".status", "404").await;
    browser.see("h1", "Nothing is moored here").await;
    // The frame of every page is around it.
    browser.see("header .brand", "Slipway").await;
    browser.see("footer", "Slipway").await;
    browser.click("#notice a").await;
    browser.until_live().await;
    assert_eq!(browser.client().current_url().await.expect("an address").path(), "/");
}

#[tokio::test]
async fn pages_come_back_after_the_backend_was_away() {
    let (stack, _turn) = alone().await;
    let (open, late) = (stack.browser(Scripts::On).await, stack.browser(Scripts::On).await);
    let scriptless = stack.browser(Scripts::Off).await;
    let (title, other) = (unique("Check the lifejackets"), unique("Grease the winches"));
    open.open_board().await;
    open.mark().await;
    scriptless.open("/").await;

    let backend = stack.stop("backend");
    // A page that is open stays, says so, and keeps what is being written.
    open.until_away().await;
    open.add(&title).await;
    open.see("#title-error", "The board is out of reach").await;
    assert_eq!(open.script("return document.getElementById('title').value").await, title);
    // One that is opened now says what is going on.
    late.open("/").await;
    assert_eq!(late.status().await, 503);
    late.see("h1", "The board is out of reach").await;
    late.see(".waiting", "comes back by itself").await;
    // A form without scripts is answered with what was written in it.
    scriptless.add(&other).await;
    scriptless.see("h1", "The board is out of reach").await;
    assert_eq!(scriptless.status().await, 503);
    assert_eq!(scriptless.script("return document.getElementById('title').value").await, other);

    backend.start();
    open.until_live().await;
    assert_eq!(open.script("return document.getElementById('title').value").await, title);
    open.click("form[action='/tasks'] button").await;
    open.task(List::Open, &title).await;
    open.still_marked().await;
    late.until_live().await;
    late.task(List::Open, &title).await;
    scriptless.click("form[action='/tasks'] button").await;
    scriptless.task(List::Open, &other).await;
}

#[tokio::test]
async fn pages_come_back_after_the_frontend_was_away() {
    let (stack, _turn) = alone().await;
    let (open, late) = (stack.browser(Scripts::On).await, stack.browser(Scripts::On).await);
    let scriptless = stack.browser(Scripts::Off).await;
    open.open_board().await;
    open.mark().await;
    open.fill("#title", "Half a thought").await;
    let title = unique("Tell the harbour master");

    let frontend = stack.stop("frontend");
    for browser in [&late, &scriptless] {
        browser.open("/").await;
        browser.see("h1", "Slipway is away for a moment").await;
        browser.see(".waiting", "comes back by itself").await;
        assert_eq!(browser.status().await, 503);
        // The page of the proxy is complete by itself: its style sheet is there as well.
        assert_eq!(browser.script("return document.styleSheets[0].cssRules.length > 0").await, true);
    }
    // The API is another service: the page that is open still works.
    open.add(&title).await;
    open.task(List::Open, &title).await;

    frontend.start();
    late.until_live().await;
    late.task(List::Open, &title).await;
    scriptless.task(List::Open, &title).await;
    open.still_marked().await;
}

#[tokio::test]
async fn the_board_works_without_redis_and_says_that_it_is_not_live() {
    let (stack, _turn) = alone().await;
    let (writer, reader) = (stack.browser(Scripts::On).await, stack.browser(Scripts::On).await);
    let (meanwhile, afterwards) = (unique("Fill the water tank"), unique("Hoist the flag"));
    for browser in [&writer, &reader] {
        browser.open_board().await;
        browser.mark().await;
    }
    let redis = stack.stop("redis");
    writer.until_away().await;
    reader.until_away().await;
    writer.add(&meanwhile).await;
    writer.task(List::Open, &meanwhile).await;
    // A page that is opened now does not promise updates either.
    let late = stack.browser(Scripts::On).await;
    late.open("/").await;
    late.task(List::Open, &meanwhile).await;
    late.until_away().await;

    redis.start();
    for browser in [&writer, &reader, &late] {
        browser.until_live().await;
        // What was missed is read again.
        browser.task(List::Open, &meanwhile).await;
    }
    writer.add(&afterwards).await;
    reader.task(List::Open, &afterwards).await;
    late.task(List::Open, &afterwards).await;
    writer.still_marked().await;
    reader.still_marked().await;
}
