//! The board without a mouse and without a screen.

use fantoccini::Locator;

use super::board::{List, unique};
use crate::harness::browser::{Browser, Scripts};
use crate::harness::{alone, shared};

const TAB: char = '\u{e004}';
const ENTER: char = '\u{e007}';
const SPACE: char = ' ';

#[tokio::test]
async fn the_keyboard_is_enough() {
    // The order of the list matters here: nobody else adds to it meanwhile.
    let (stack, _turn) = alone().await;
    let browser = stack.browser(Scripts::On).await;
    let (first, second) = (unique("Sound the depth"), unique("Trim the sails"));
    browser.open_board().await;
    // Into the page: past its frame, to the field, in the order of what is seen.
    for expected in ["Skip to content", "Slipway", "Board", "Exports", "Skipper", "Sign out", "New task"] {
        browser.press([TAB]).await;
        assert_eq!(focus(&browser).await, expected);
    }
    browser.press(first.chars().chain([ENTER])).await;
    browser.task(List::Open, &first).await;
    // Ready for the next one at once.
    assert_eq!(focus(&browser).await, "New task");
    browser.press(second.chars().chain([ENTER])).await;
    browser.task(List::Open, &second).await;
    // The button of the form, then the buttons of the tasks, newest first.
    for expected in ["Add task", "Search", "Status", "Assignee", "Due", "Show", &format!("Complete: {second}")] {
        browser.press([TAB]).await;
        assert_eq!(focus(&browser).await, expected);
    }
    browser.press([SPACE]).await;
    browser.task(List::Done, &second).await;
    // The focus goes on to the next task instead of being lost.
    assert_eq!(focus(&browser).await, format!("Complete: {first}"));
    browser.press([ENTER]).await;
    browser.task(List::Done, &first).await;
    assert_ne!(browser.script("return document.activeElement === document.body").await, true);
}

#[tokio::test]
async fn the_first_key_can_skip_the_frame() {
    let (stack, _turn) = shared().await;
    let browser = stack.browser(Scripts::On).await;
    browser.open_board().await;
    browser.press([TAB]).await;
    assert_eq!(focus(&browser).await, "Skip to content");
    browser.press([ENTER]).await;
    browser.until("the address names the main part", "return location.hash === '#main'").await;
    browser.press([TAB]).await;
    assert_eq!(focus(&browser).await, "New task");
}

#[tokio::test]
async fn everything_that_can_be_used_has_a_role_and_a_name() {
    let (stack, _turn) = shared().await;
    let browser = stack.browser(Scripts::On).await;
    browser.open_board().await;
    for title in [unique("Name the boat"), unique("Name the dinghy")] {
        browser.add(&title).await;
        browser.task(List::Open, &title).await;
    }
    let mut names = Vec::new();
    // What other tests change meanwhile is left out: the first elements are those of the page itself.
    for element in browser
        .client()
        .find_all(Locator::Css("body :is(a, input:not([type=hidden]), select, .primary, progress)"))
        .await
        .expect("there are elements")
    {
        if !element.is_displayed().await.unwrap_or(false) {
            continue;
        }
        let (role, name) = browser.role_and_name(&element).await;
        assert!(!role.is_empty() && role != "generic", "`{name}` has no role");
        assert!(!name.trim().is_empty(), "a {role} has no name");
        names.push(format!("{role} {name}"));
    }
    for expected in ["textbox New task", "button Add task", "link Slipway"] {
        assert!(names.iter().any(|name| name == expected), "there is no {expected} in {names:?}");
    }
    // Every task has a button of its own name.
    let nameless = "return [...document.querySelectorAll('#open-tasks > .task:not(.launching)')].filter((task) =>
                    task.querySelector('button').getAttribute('aria-label') !== `Complete: ${task.querySelector('.task-title').textContent}`).length";
    assert_eq!(browser.script(nameless).await, 0);
}

#[tokio::test]
async fn pages_have_a_language_a_title_a_heading_and_landmarks() {
    let (stack, _turn) = shared().await;
    let browser = stack.browser(Scripts::On).await;
    for (path, title) in [("/", "Board · Slipway"), ("/no/such/page", "Nothing is moored here · Slipway")] {
        browser.open(path).await;
        assert_eq!(browser.client().title().await.expect("a title"), title);
        assert_eq!(browser.script("return document.documentElement.lang").await, "en");
        for (role, selector) in [("banner", "body > header"), ("main", "main"), ("contentinfo", "body > footer"), ("heading", "h1")] {
            assert_eq!(browser.script(&format!("return document.querySelectorAll('{selector}').length")).await, 1, "{selector} of {path}");
            assert_eq!(browser.role_and_name(&browser.element(selector).await).await.0, role);
        }
        // No level of heading is left out, no id is there twice, and what is named by reference exists.
        let levels = "return [...document.querySelectorAll('h1, h2, h3, h4')].map((heading) => Number(heading.tagName[1])).every((level, index, all) => level <= (all[index - 1] ?? 0) + 1)";
        assert_eq!(browser.script(levels).await, true);
        let twice = "const ids = [...document.querySelectorAll('[id]')].map((element) => element.id); return ids.filter((id, index) => ids.indexOf(id) !== index)";
        assert_eq!(browser.script(twice).await, serde_json::json!([]));
        let lost = "return [...document.querySelectorAll('[aria-labelledby], [aria-describedby], label[for]')].flatMap((element) =>
                    (element.getAttribute('aria-labelledby') ?? element.getAttribute('aria-describedby') ?? element.htmlFor).split(' ')).filter((id) => !document.getElementById(id))";
        assert_eq!(browser.script(lost).await, serde_json::json!([]));
    }
}

/// The name of what has the focus. Panics if a person could not see that it has.
async fn focus(browser: &Browser) -> String {
    let visible = "const style = getComputedStyle(document.activeElement), place = document.activeElement.getBoundingClientRect();
                   return document.activeElement.matches(':focus-visible') && style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2
                       && place.width > 0 && place.top >= 0 && place.bottom <= innerHeight";
    let element = browser.client().active_element().await.expect("something has the focus");
    let (role, name) = browser.role_and_name(&element).await;
    assert_eq!(browser.script(visible).await, true, "the focus on the {role} `{name}` cannot be seen");
    name
}
