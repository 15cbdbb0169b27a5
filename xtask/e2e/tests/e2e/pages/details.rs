//! Journeys through one task: changing, hiding, completing and deleting it, also when somebody else does so at the same time.

use serde_json::json;

use super::board::{List, unique};
use crate::harness::browser::Scripts;
use crate::harness::shared;

#[tokio::test]
async fn everything_about_a_task_can_be_changed() {
    let (stack, _turn) = shared().await;
    let (skipper, mate) = (stack.skipper().await, stack.new_account("First Mate").await);
    let today = stack.query("SELECT (now() AT TIME ZONE 'UTC')::date").remove(0);
    for scripts in [Scripts::On, Scripts::Off] {
        let (title, renamed) = (unique("Patch the sail"), unique("Patch the jib"));
        let task = stack.task_of(&skipper, json!({ "title": title })).await;
        let browser = stack.browser(scripts).await;
        browser.open(&format!("/tasks/{task}")).await;
        // What is refused comes back with the reason, and with everything that was typed.
        browser.fill("#title", " ").await;
        browser.fill("#notes", "Thread\nNeedle").await;
        browser.click("#edit .primary").await;
        browser.see("#title-error", "must not be empty").await;
        browser.see("#summary a", "Title must not be empty").await;
        assert_eq!((browser.status().await, &*browser.value("#notes").await), (422, "Thread\nNeedle"));
        browser.fill("#title", &renamed).await;
        browser.set("#due_on", &today).await;
        browser.set("#assignee_id", &mate.id).await;
        browser.click("#edit .primary").await;
        browser.until_saved().await;
        browser.see("h1", &renamed).await;
        browser.open(&format!("/tasks/{task}")).await;
        assert_eq!((&*browser.value("#notes").await, browser.value("#due_on").await), ("Thread\nNeedle", today.clone()));
        assert_eq!(browser.value("#assignee_id").await, mate.id);
        browser.open("/").await;
        let item = browser.task(List::Open, &renamed).await;
        browser.see(&format!("{item} .facts"), "Due today").await;
        browser.see(&format!("{item} .facts"), "First Mate").await;
        // And nothing of it has to stay.
        browser.open(&format!("/tasks/{task}")).await;
        browser.set("#due_on", "").await;
        browser.set("#assignee_id", "").await;
        browser.click("#edit .primary").await;
        browser.until_saved().await;
        assert_eq!((browser.value("#due_on").await, browser.value("#assignee_id").await), (String::new(), String::new()));
    }
}

#[tokio::test]
async fn a_private_task_is_gone_for_others_at_once() {
    let (stack, _turn) = shared().await;
    let owner = stack.skipper().await;
    let mate = stack.new_account("Second Mate").await;
    let (mine, theirs) = (stack.browser(Scripts::On).await, stack.browser_of(&mate, Scripts::On).await);
    let title = unique("Plan the surprise party");
    let task = stack.task_of(&owner, json!({ "title": title })).await;
    theirs.open_board().await;
    theirs.mark().await;
    theirs.task(List::Open, &title).await;
    mine.open_task(&task).await;
    mine.click("#private").await;
    mine.click("#edit .primary").await;
    mine.until_saved().await;
    mine.see(".meta", "Private").await;
    theirs.gone(List::Open, &title).await;
    theirs.still_marked().await;
    // Its address says the same as one that never was.
    theirs.open(&format!("/tasks/{task}")).await;
    assert_eq!(theirs.status().await, 404);
    theirs.see("h1", "Nothing is moored here").await;
    theirs.open(&format!("/?q={}", title.rsplit(' ').next().unwrap_or_default())).await;
    theirs.see("#found-text", "No tasks found").await;
    // Shared with whoever is to do it, and shown there without being asked for.
    theirs.open_board().await;
    theirs.mark().await;
    mine.set("#assignee_id", &mate.id).await;
    mine.click("#edit .primary").await;
    mine.until("the task is assigned", &format!("return document.querySelector('#assignee_id [selected]').value === '{}'", mate.id)).await;
    theirs.task(List::Open, &title).await;
    theirs.still_marked().await;
}

#[tokio::test]
async fn of_two_who_change_a_task_neither_loses_anything() {
    let (stack, _turn) = shared().await;
    let skipper = stack.skipper().await;
    let mate = stack.new_account("Third Mate").await;
    for scripts in [Scripts::On, Scripts::Off] {
        let (title, first, second) = (unique("Grease the winch"), unique("Grease both winches"), unique("Replace the winch"));
        let task = stack.task_of(&skipper, json!({ "title": title, "notes": "With the blue tin." })).await;
        let (slow, fast) = (stack.browser(scripts).await, stack.browser_of(&mate, scripts).await);
        for browser in [&slow, &fast] {
            browser.open(&format!("/tasks/{task}")).await;
        }
        fast.fill("#title", &first).await;
        fast.fill("#notes", "With the red tin.").await;
        fast.click("#edit .primary").await;
        fast.until_saved().await;
        slow.fill("#title", &second).await;
        slow.click("#edit .primary").await;
        slow.see("#summary", "Somebody else changed this task while you did.").await;
        assert_eq!(slow.status().await, 412);
        // Both versions are there: theirs in the fields, the saved one beside it.
        assert_eq!((slow.value("#title").await, &*slow.value("#notes").await), (second.clone(), "With the blue tin."));
        slow.see("#title-theirs", &first).await;
        slow.see("#notes-theirs", "With the red tin.").await;
        assert_eq!(slow.script("return document.getElementById('due_on-theirs')").await, serde_json::Value::Null);
        fast.open(&format!("/tasks/{task}")).await;
        assert_eq!(fast.value("#title").await, first, "nothing was saved");
        // Having seen it, the other one may go over it.
        slow.fill("#notes", "With the red tin.").await;
        slow.click("#edit .primary").await;
        slow.until_saved().await;
        fast.open(&format!("/tasks/{task}")).await;
        assert_eq!((fast.value("#title").await, &*fast.value("#notes").await), (second, "With the red tin."));
    }
}

#[tokio::test]
async fn an_open_page_hears_of_changes_and_takes_them_over() {
    let (stack, _turn) = shared().await;
    let mate = stack.new_account("Helmsman").await;
    let (title, renamed) = (unique("Chart the course"), unique("Chart the new course"));
    let task = stack.task_of(&mate, json!({ "title": title })).await;
    let (reader, writer) = (stack.browser(Scripts::On).await, stack.browser_of(&mate, Scripts::On).await);
    reader.open_task(&task).await;
    reader.mark().await;
    reader.fill("#notes", "Half a sentence").await;
    writer.open_task(&task).await;
    writer.fill("#title", &renamed).await;
    writer.click("#edit .primary").await;
    writer.until_saved().await;
    reader.see("#changed", "This task was changed meanwhile by someone else.").await;
    reader.click("#refresh").await;
    reader.see("#task h1", &renamed).await;
    assert_eq!((reader.value("#title").await, &*reader.value("#notes").await), (renamed, "Half a sentence"));
    reader.still_marked().await;
    reader.click("#edit .primary").await;
    reader.until_saved().await;
    assert_eq!(reader.console().await, [""; 0]);
}

#[tokio::test]
async fn a_task_is_completed_reopened_and_deleted_on_its_page() {
    let (stack, _turn) = shared().await;
    let skipper = stack.skipper().await;
    let mate = stack.new_account("Cook").await;
    for scripts in [Scripts::On, Scripts::Off] {
        let task = stack.task_of(&skipper, json!({ "title": unique("Peel the potatoes") })).await;
        let (browser, other) = (stack.browser(scripts).await, stack.browser_of(&mate, scripts).await);
        browser.open(&format!("/tasks/{task}")).await;
        for (button, state) in [("complete", "Launched"), ("reopen", "Open")] {
            browser.click(&format!("[formaction$='/{button}']")).await;
            browser.see(".meta .badge", state).await;
        }
        // Not for somebody who neither made it nor is an administrator.
        other.open(&format!("/tasks/{task}")).await;
        other.see("h1", "Peel the potatoes").await;
        assert_eq!(other.script("return document.querySelector('.confirm-task')").await, serde_json::Value::Null);
        let delete = stack.api(&mate, http::Method::DELETE, &format!("/tasks/{task}"), json!(null)).await;
        assert!(matches!(delete.status.as_u16(), 403 | 404), "{delete:?}");
        // One press asks, the second one deletes.
        assert!(!browser.element(".confirm-task .button-danger").await.is_displayed().await.expect("it can be looked at"));
        browser.click(".confirm-task summary").await;
        browser.see(".confirm-task form", "cannot be brought back").await;
        browser.click(".confirm-task .button-danger").await;
        browser.arrive("/").await;
        browser.open(&format!("/tasks/{task}")).await;
        assert_eq!(browser.status().await, 404);
        if scripts == Scripts::On {
            other.see("#changed", "This task is gone").await;
        }
    }
}
