//! Journeys through the administration: who may enter, roles, and jobs that failed.

use serde_json::json;

use super::board::unique;
use crate::harness::browser::{Browser, Scripts};
use crate::harness::{Stack, shared};

/// Every page of it.
const PAGES: [&str; 3] = ["/admin/", "/admin/users", "/admin/jobs"];

#[tokio::test]
async fn only_administrators_enter() {
    let (stack, _turn) = shared().await;
    let (user, admin) = (stack.new_account("Ordinary Seaman").await, stack.new_account("Harbour Master").await);
    stack.promote(&admin);
    let (stranger, user, admin) = (
        stack.strange_browser(Scripts::Off).await,
        stack.browser_of(&user, Scripts::Off).await,
        stack.browser_of(&admin, Scripts::Off).await,
    );
    for path in PAGES {
        stranger.open(path).await;
        stranger.arrive("/sign-in").await;
        assert_eq!(stranger.value("[name=next]").await, path);
        user.open(path).await;
        assert_eq!(user.status().await, 403);
        user.see(".notice-bad", "this is for administrators").await;
        admin.open(path).await;
        assert_eq!(admin.status().await, 200);
        admin.element(".tabs [aria-current=page]").await;
    }
    // The way in is shown to those who may go it.
    for (browser, links) in [(&user, 0), (&admin, 1)] {
        browser.open("/").await;
        assert_eq!(browser.script("return document.querySelectorAll('.around a[href=\"/admin/\"]').length").await, links);
    }
    admin.click(".around a[href='/admin/']").await;
    admin.see("#health", "ready").await;
    admin.see("main", "migrations").await;
    admin.click(".sign-out button").await;
    admin.arrive("/sign-in").await;
}

#[tokio::test]
async fn roles_are_given_and_taken() {
    let (stack, _turn) = shared().await;
    let (user, admin) = (stack.new_account("Cabin Boy").await, stack.new_account("Commodore").await);
    stack.promote(&admin);
    let (theirs, browser) = (stack.browser_of(&user, Scripts::Off).await, stack.browser_of(&admin, Scripts::Off).await);
    for (status, role) in [(403, "admin"), (200, "user")] {
        theirs.open("/admin/").await;
        assert_eq!(theirs.status().await, status);
        let form = find_account(&browser, &user.id).await;
        browser.follow(&format!("{form} button"), "/admin/users").await;
        find_account(&browser, &user.id).await;
        let row =
            format!("return document.querySelector('form[action*=\"{}\"]').closest('tr').querySelector('.badge').textContent", user.id);
        assert_eq!(browser.script(&row).await, role);
    }
    theirs.open("/admin/").await;
    assert_eq!(theirs.status().await, 403);
}

#[tokio::test]
async fn a_job_that_failed_is_tried_again() {
    let (stack, _turn) = shared().await;
    let admin = stack.new_account("Engineer").await;
    stack.promote(&admin);
    let browser = stack.browser_of(&admin, Scripts::Off).await;
    let reason = unique("the bilge pump was blocked");
    let id = failed_job(&stack, &reason);
    browser.open("/admin/jobs").await;
    browser.see("main tbody", &reason).await;
    browser.follow(&format!("form[action*='{id}'] button"), "/admin/jobs").await;
    // It is not listed any more, and the worker does it.
    assert_eq!(browser.script(&format!("return document.body.textContent.includes({})", json!(reason))).await, false);
    crate::harness::eventually("the job is done", crate::harness::browser::PATIENCE, || async {
        let state = stack.query(&format!("SELECT state FROM jobs WHERE id = '{id}'"));
        if state == ["done"] { Ok(()) } else { Err(format!("it is {state:?}")) }
    })
    .await;
}

#[tokio::test]
async fn forms_of_the_administration_need_their_token() {
    let (stack, _turn) = shared().await;
    let admin = stack.new_account("Inspector").await;
    stack.promote(&admin);
    let browser = stack.browser_of(&admin, Scripts::Off).await;
    let id = failed_job(&stack, &unique("left as it is"));
    browser.open("/admin/jobs").await;
    browser.script("for (const field of document.querySelectorAll('[name=csrf_token]')) field.value = 'another'").await;
    browser.click(&format!("form[action*='{id}'] button")).await;
    browser.element(".notice-bad").await;
    assert_eq!(browser.status().await, 403);
    assert_eq!(stack.query(&format!("SELECT state FROM jobs WHERE id = '{id}'")), ["failed"]);
    stack.sql(&format!("DELETE FROM jobs WHERE id = '{id}'"));
}

/// Leaves a job that failed for good, and that works when it is done again.
fn failed_job(stack: &Stack, reason: &str) -> String {
    let sql = format!(
        "INSERT INTO jobs (id, kind, state, attempts, max_attempts, last_error, finished_at)
         VALUES (gen_random_uuid(), 'prune_idempotency_keys', 'failed', 3, 3, '{reason}', now()) RETURNING id"
    );
    stack.query(&sql).remove(0)
}

/// Turns pages until the account is on one; returns the selector of its form.
async fn find_account(browser: &Browser, id: &str) -> String {
    let form = format!("form[action*='{id}']");
    browser.open("/admin/users").await;
    while browser.script(&format!("return document.querySelector(\"{form}\") === null")).await == true {
        browser.follow(".pages a[href*=after]", "/admin/users").await;
    }
    form
}
