//! Finding tasks: words, filters, pages of a long list, and what is said when nothing is found.

use serde_json::{Value, json};

use super::board::{List, unique};
use crate::harness::browser::{Browser, Scripts};
use crate::harness::{alone, shared};

#[tokio::test]
async fn words_and_filters_find_tasks() {
    let (stack, _turn) = shared().await;
    let (skipper, mate) = (stack.skipper().await, stack.new_account("Lookout").await);
    for scripts in [Scripts::On, Scripts::Off] {
        // A word that only the tasks of this turn have.
        let word = unique("w").replace([' ', '-'], "");
        let task = |what: &str, more: Value| {
            let mut task = json!({ "title": format!("{what} {word}") });
            task.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            task
        };
        stack.task_of(&skipper, task("mine", json!({ "assignee_id": skipper.id }))).await;
        stack.task_of(&skipper, task("theirs", json!({ "assignee_id": mate.id, "due_on": "2020-02-02" }))).await;
        let done = stack.task_of(&skipper, task("done", json!({}))).await;
        stack.api(&skipper, http::Method::POST, &format!("/tasks/{done}/complete"), json!({})).await.with(200);
        let browser = stack.browser(scripts).await;
        browser.open("/").await;
        browser.fill("#q", &word).await;
        show(&browser, scripts).await;
        found(&browser, "3 tasks found", &["mine", "theirs", "done"]).await;
        for (field, value, expected) in [
            ("status", "open", &["mine", "theirs"][..]),
            ("status", "done", &["done"]),
            ("assignee", "me", &["mine"]),
            ("assignee", "none", &["done"]),
            ("due", "overdue", &["theirs"]),
        ] {
            browser.set(&format!("#{field}"), value).await;
            show(&browser, scripts).await;
            let words = format!("{} task{} found", expected.len(), if expected.len() == 1 { "" } else { "s" });
            found(&browser, &words, expected).await;
            // The address is the one to share, and to come back to.
            let here = browser.script("return location.search").await;
            assert!(here.as_str().is_some_and(|here| here.contains(&format!("{field}={value}")) && here.contains(&word)), "{here}");
            browser.client().refresh().await.expect("the page loads again");
            found(&browser, &words, expected).await;
            browser.set(&format!("#{field}"), "").await;
        }
        browser.fill("#q", &format!("{word} nowhere")).await;
        show(&browser, scripts).await;
        browser.see("#found-text", "No tasks found").await;
        browser.see("#open-empty", "Nothing on the slip matches.").await;
        browser.click("#clear").await;
        browser.until("all tasks are shown", "return location.search === '' && document.getElementById('found').hidden").await;
        assert_eq!(browser.value("#q").await, "");
        browser.see("#open-tasks .task-title", &word).await;
    }
}

#[tokio::test]
async fn a_filtered_board_stays_so_while_tasks_arrive() {
    let (stack, _turn) = shared().await;
    let skipper = stack.skipper().await;
    let browser = stack.browser(Scripts::On).await;
    let word = unique("w").replace([' ', '-'], "");
    browser.open(&format!("/?q={word}")).await;
    browser.until_live().await;
    browser.mark().await;
    stack.task_of(&skipper, json!({ "title": unique("Something else") })).await;
    let title = format!("Found {word}");
    stack.task_of(&skipper, json!({ "title": title })).await;
    browser.task(List::Open, &title).await;
    found(&browser, "1 task found", &["Found"]).await;
    browser.still_marked().await;
}

#[tokio::test]
async fn a_long_list_has_pages() {
    let (stack, _turn) = shared().await;
    for scripts in [Scripts::On, Scripts::Off] {
        let word = unique("w").replace([' ', '-'], "");
        stack.sql(&format!(
            "INSERT INTO tasks (id, title) SELECT gen_random_uuid(), 'Crate ' || number || ' {word}' FROM generate_series(1, 130) AS number"
        ));
        let browser = stack.browser(scripts).await;
        browser.open(&format!("/?q={word}")).await;
        browser.see("#found-text", "100 or more tasks found").await;
        let first = titles(&browser).await;
        browser.click("#pages a[href*=before]").await;
        browser.until("the next page is there", "return document.readyState === 'complete' && location.search.includes('before=')").await;
        browser.see("#found-text", "30 tasks found").await;
        let second = titles(&browser).await;
        assert_eq!((first.len(), second.len()), (100, 30));
        assert!(second.iter().all(|title| !first.contains(title)), "a task is on both pages");
        assert_eq!(browser.script("return document.querySelector('#pages a[href*=before]')").await, Value::Null);
        browser.click("#pages a").await;
        browser.see("#found-text", "100 or more tasks found").await;
        stack.sql(&format!("DELETE FROM tasks WHERE title LIKE '%{word}'"));
    }
}

#[tokio::test]
async fn an_empty_board_says_what_to_do() {
    // Nobody else has tasks meanwhile.
    let (stack, _turn) = alone().await;
    stack.sql("TRUNCATE tasks, attachments");
    for scripts in [Scripts::On, Scripts::Off] {
        let browser = stack.browser(scripts).await;
        browser.open("/").await;
        browser.see("#open-empty", "The slip is empty. Add the first task").await;
        let title = unique("The first task");
        if scripts == Scripts::On {
            browser.until_live().await;
        }
        browser.add(&title).await;
        browser.task(List::Open, &title).await;
        assert!(!browser.element("#open-empty").await.is_displayed().await.expect("it can be looked at"));
        browser.complete(&title).await;
        browser.task(List::Done, &title).await;
        browser.see("#open-empty", "All launched. The slip is clear.").await;
        stack.sql("TRUNCATE tasks, attachments");
    }
}

/// Applies the filters: scripts do it by themselves.
async fn show(browser: &Browser, scripts: Scripts) {
    if scripts == Scripts::Off {
        browser.click("#filter .button").await;
    }
}

/// Waits until exactly the tasks whose titles begin like this are shown.
async fn found(browser: &Browser, words: &str, expected: &[&str]) {
    browser.see("#found-text", words).await;
    let mut shown: Vec<String> = titles(browser).await.iter().filter_map(|title| title.split(' ').next().map(str::to_owned)).collect();
    let mut expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
    (shown.sort(), expected.sort());
    assert_eq!(shown, expected);
}

/// The titles of all tasks in the page.
async fn titles(browser: &Browser) -> Vec<String> {
    let titles = browser
        .script("return [...document.querySelectorAll('#board .task:not(.launching) .task-title')].map((title) => title.textContent)")
        .await;
    titles.as_array().expect("a list").iter().filter_map(Value::as_str).map(str::to_owned).collect()
}
