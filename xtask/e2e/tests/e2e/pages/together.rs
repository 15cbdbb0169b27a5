//! Two people at once on one board, and the mail that reminds one of what is due.

use serde_json::json;

use super::board::{List, unique};
use crate::harness::browser::Scripts;
use crate::harness::shared;

#[tokio::test]
async fn two_people_see_what_the_other_does() {
    let (stack, _turn) = shared().await;
    let (one, other) = (stack.new_account("Port Watch").await, stack.new_account("Starboard Watch").await);
    let (port, starboard) = (stack.browser_of(&one, Scripts::On).await, stack.browser_of(&other, Scripts::On).await);
    for browser in [&port, &starboard] {
        browser.open_board().await;
        browser.mark().await;
    }
    // Both at once, each with a task of their own.
    let (first, second) = (unique("Swab the deck"), unique("Polish the brass"));
    tokio::join!(port.add(&first), starboard.add(&second));
    for browser in [&port, &starboard] {
        browser.task(List::Open, &first).await;
        browser.task(List::Open, &second).await;
    }
    // Each completes the other's.
    tokio::join!(port.complete(&second), starboard.complete(&first));
    for browser in [&port, &starboard] {
        browser.task(List::Done, &first).await;
        browser.task(List::Done, &second).await;
    }
    // A change of what the board says about a task, and its end.
    let renamed = unique("Swab all decks");
    let task = port.task(List::Done, &first).await.replace("#task-", "");
    let page = stack.browser_of(&one, Scripts::On).await;
    page.open_task(&task).await;
    page.fill("#title", &renamed).await;
    page.set("#assignee_id", &other.id).await;
    page.click("#edit .primary").await;
    page.until_saved().await;
    for browser in [&port, &starboard] {
        let item = browser.task(List::Done, &renamed).await;
        browser.see(&format!("{item} .facts"), "Starboard Watch").await;
    }
    page.click("[formaction$='/reopen']").await;
    for browser in [&port, &starboard] {
        browser.task(List::Open, &renamed).await;
    }
    page.see(".meta .badge", "Open").await;
    page.click(".confirm-task summary").await;
    page.click(".confirm-task .button-danger").await;
    for browser in [&port, &starboard] {
        browser.gone(List::Open, &renamed).await;
        browser.still_marked().await;
        assert_eq!(browser.console().await, [""; 0]);
    }
}

#[tokio::test]
async fn whoever_has_a_task_that_is_due_gets_one_mail() {
    let (stack, _turn) = shared().await;
    let (author, assignee) = (stack.new_account("Author").await, stack.new_account("Assignee").await);
    let (due, later) = (unique("Renew the licence"), unique("Renew the insurance"));
    let browser = stack.browser_of(&author, Scripts::On).await;
    for (title, day) in [(&due, "current_date"), (&later, "current_date + 30")] {
        let task = stack.task_of(&author, json!({ "title": title })).await;
        let day = stack.query(&format!("SET TIME ZONE 'UTC'; SELECT {day}")).pop().expect("a date");
        browser.open_task(&task).await;
        browser.set("#due_on", &day).await;
        browser.set("#assignee_id", &assignee.id).await;
        browser.click("#edit .primary").await;
        browser.until_saved().await;
    }
    // It is looked for every hour; for this test, now.
    let run = || stack.sql("UPDATE schedules SET next_at = now() WHERE kind = 'send_due_reminders'");
    run();
    let mail = stack.mail_to(&assignee.email).await;
    assert!(mail.subject.starts_with("Due ") && mail.subject.ends_with(&due), "{mail:?}");
    assert!(mail.text.contains("Hello Assignee") && mail.text.contains(&due) && !mail.text.contains(&later), "{mail:?}");
    let path = mail.text.split("/tasks/").nth(1).and_then(|rest| rest.split_whitespace().next()).expect("an address in the mail");
    let theirs = stack.browser_of(&assignee, Scripts::Off).await;
    theirs.open(&format!("/tasks/{path}")).await;
    theirs.see("h1", &due).await;

    // Another look finds nothing new; that it is over shows by a reminder of a task that became due after it.
    let more = unique("Renew the flag");
    let soon = stack.query("SET TIME ZONE 'UTC'; SELECT current_date + 1").pop().expect("a date");
    stack.task_of(&author, json!({ "title": more, "due_on": soon })).await;
    run();
    let mail = stack.mail_to(&author.email).await;
    assert!(mail.subject.ends_with(&more), "{mail:?}");
    assert_eq!(stack.mails_to(&assignee.email).await.unwrap().len(), 1);
}
