//! Restarts: tasks stay, and pages that are open find back by themselves.

use super::board::{List, unique};
use crate::harness::alone;
use crate::harness::browser::Scripts;

#[tokio::test]
async fn an_open_page_survives_a_restart_of_everything_behind_it() {
    let (mut stack, _turn) = alone().await;
    let browser = stack.browser(Scripts::On).await;
    let (before, after) = (unique("Survey the keel"), unique("Survey the mast"));
    browser.open_board().await;
    browser.mark().await;
    browser.add(&before).await;
    browser.task(List::Open, &before).await;
    // The moment of absence may be short; the page is asked to remember what it showed.
    let watch = "window.states = []; new MutationObserver(() => states.push(document.getElementById('live').dataset.state))
                 .observe(document.getElementById('live'), { attributes: true })";
    browser.script(watch).await;
    // All but the browser itself.
    stack.xtask(&["restart", "db", "redis", "backend", "worker", "frontend", "proxy"]).good();
    stack.find_again();
    browser.until("the page noticed, and is live again", "return states.includes('away') && states.at(-1) === 'live'").await;
    browser.see("#live", "Live").await;
    browser.task(List::Open, &before).await;
    // Updates flow again, both ways, in the page as it is.
    let other = stack.browser(Scripts::On).await;
    other.open_board().await;
    other.add(&after).await;
    browser.task(List::Open, &after).await;
    browser.complete(&before).await;
    other.task(List::Done, &before).await;
    browser.still_marked().await;
}

#[tokio::test]
async fn tasks_survive_restart_and_down_and_up() {
    let (mut stack, _turn) = alone().await;
    let (open, done) = (unique("Renew the ropes"), unique("Empty the bilge"));
    {
        let browser = stack.browser(Scripts::On).await;
        browser.open_board().await;
        for title in [&open, &done] {
            browser.add(title).await;
            browser.task(List::Open, title).await;
        }
        browser.complete(&done).await;
        browser.task(List::Done, &done).await;
    }
    for commands in [&[&["restart"][..]][..], &[&["down"], &["up"]]] {
        for command in commands {
            stack.xtask(command).good();
        }
        stack.find_again();
        // The browser was restarted with everything else: this is a new one.
        let browser = stack.browser(Scripts::On).await;
        browser.open_board().await;
        browser.task(List::Open, &open).await;
        browser.task(List::Done, &done).await;
        assert_eq!(browser.console().await, [""; 0]);
    }
}
