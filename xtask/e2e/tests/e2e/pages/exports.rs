//! The journey of an export: asking for it, watching it being written, loading it.

use serde_json::json;

use super::board::unique;
use crate::harness::browser::Scripts;
use crate::harness::shared;

/// Loads the newest file.
const LOAD: &str = "return fetch(document.querySelector('#exports a.button').href).then(async (answer) => ({ text: await answer.text(),
    type: answer.headers.get('content-type'), kept: answer.headers.get('content-disposition') }))";

#[tokio::test]
async fn an_export_is_written_while_one_watches_and_has_everything() {
    let (stack, _turn) = shared().await;
    for scripts in [Scripts::On, Scripts::Off] {
        let account = stack.new_account("Clerk").await;
        let (title, hidden) = (unique("Say \"ahoy\", twice;"), unique("Nobody else's business"));
        stack.task_of(&account, json!({ "title": title, "notes": "Line one\nLine two" })).await;
        stack.task_of(&account, json!({ "title": hidden, "private": true })).await;
        let secret = unique("Somebody else's business");
        stack.task_of(&stack.skipper().await, json!({ "title": secret, "private": true })).await;
        let browser = stack.browser_of(&account, scripts).await;
        browser.open("/exports").await;
        browser.see(".empty", "Nothing exported yet.").await;
        browser.click("main .primary").await;
        // Live, or by loading the page again: nobody has to press anything.
        browser.see("#exports [data-state=done] .facts", "written").await;
        assert_eq!(browser.script("return document.querySelectorAll('#exports .export').length").await, 1);
        let file = browser.script(LOAD).await;
        let text = file["text"].as_str().expect("a text");
        assert!(text.starts_with("id,title,notes,status,"), "{file}");
        assert!(text.contains(&format!("\"{}\"", title.replace('"', "\"\""))), "{file}");
        assert!(text.contains("\"Line one\nLine two\"") && text.contains(&hidden) && !text.contains(&secret), "{file}");
        assert_eq!(file["type"], "text/csv; charset=utf-8");
        assert!(file["kept"].as_str().is_some_and(|kept| kept.starts_with("attachment") && kept.contains("tasks")), "{file}");
        // It is nobody else's.
        let address = browser.script("return new URL(document.querySelector('#exports a.button').href).pathname").await;
        assert_eq!(stack.get(address.as_str().expect("an address")).await.status, 404);
        assert_eq!(browser.console().await, [""; 0]);
    }
}

#[tokio::test]
async fn an_export_shows_how_far_it_is() {
    let (stack, _turn) = shared().await;
    let account = stack.new_account("Archivist").await;
    let browser = stack.browser_of(&account, Scripts::On).await;
    // One that is being written by nobody stays as it is: what the page says of it does not pass by.
    let insert = format!(
        "INSERT INTO exports (id, user_id, state, rows_done, rows_total) VALUES (gen_random_uuid(), '{0}', 'running', 30, 40), (gen_random_uuid(), '{0}', 'failed', 7, 40)",
        account.id
    );
    stack.sql(&insert);
    browser.open("/exports").await;
    browser.see("#exports [data-state=running] .facts", "30 of 40 tasks written").await;
    browser.see("#exports [data-state=running] .badge", "Writing").await;
    assert_eq!(browser.script("return document.querySelector('#exports progress').position").await, 0.75);
    browser.see("#exports [data-state=failed] .badge", "Failed").await;
    assert_eq!(browser.script("return document.querySelector('#exports a.button')").await, serde_json::Value::Null);
}
