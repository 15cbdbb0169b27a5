//! Journeys through one's own account: signing up, in and out, and changing name and password.

use super::board::unique;
use crate::harness::account::PASSWORD;
use crate::harness::browser::{Browser, Scripts};
use crate::harness::{INSIDE_URL, shared};

#[tokio::test]
async fn signing_up_leads_to_the_board() {
    let (stack, _turn) = shared().await;
    for scripts in [Scripts::On, Scripts::Off] {
        let browser = stack.strange_browser(scripts).await;
        browser.open("/").await;
        browser.arrive("/sign-in").await;
        browser.click(".aside a").await;
        browser.arrive("/sign-up").await;
        let email = format!("{}@example.org", unique("deckhand").replace(' ', "-"));
        browser.fill("#name", "Deckhand").await;
        browser.fill("#email", "deckhand at sea").await;
        browser.fill("#password", "short").await;
        browser.click("main .primary").await;
        browser.see("#email-error", "must be an e-mail address").await;
        browser.see("#password-error", "must have at least 10 characters").await;
        // Nothing has to be typed twice but the password, which is not sent back.
        assert_eq!(browser.status().await, 422);
        assert_eq!((&*browser.value("#name").await, &*browser.value("#email").await), ("Deckhand", "deckhand at sea"));
        assert_eq!(browser.value("#password").await, "");
        browser.fill("#email", &email).await;
        browser.fill("#password", PASSWORD).await;
        browser.click("main .primary").await;
        browser.arrive("/").await;
        browser.see(".around-name", "Deckhand").await;

        // The address is taken now.
        let other = stack.strange_browser(scripts).await;
        other.open("/sign-up").await;
        other.fill("#name", "Impostor").await;
        other.fill("#email", &email.to_uppercase()).await;
        other.fill("#password", PASSWORD).await;
        other.click("main .primary").await;
        other.see("#email-error", "Email address").await;
        assert_eq!(other.status().await, 409);
    }
}

#[tokio::test]
async fn a_wrong_password_is_told_and_the_right_one_leads_on() {
    let (stack, _turn) = shared().await;
    let account = stack.new_account("Bosun").await;
    for scripts in [Scripts::On, Scripts::Off] {
        let browser = stack.strange_browser(scripts).await;
        // What was asked for is where the way leads in the end, its query included.
        browser.open("/exports?from=mail").await;
        browser.arrive("/sign-in").await;
        browser.sign_in_with(&account.email, "not the password").await;
        browser.see("#summary", "The address or the password is wrong.").await;
        assert_eq!(browser.status().await, 401);
        assert_eq!((browser.value("#email").await, browser.value("#password").await), (account.email.clone(), String::new()));
        assert_eq!(browser.script("return document.activeElement.id").await, "summary");
        browser.sign_in_with(&account.email, PASSWORD).await;
        browser.arrive("/exports").await;
        assert_eq!(browser.script("return location.search").await, "?from=mail");
    }
}

#[tokio::test]
async fn signing_in_never_leads_to_another_site() {
    let (stack, _turn) = shared().await;
    let account = stack.skipper().await;
    let evil =
        ["//evil.example", "/\\evil.example", "https://evil.example/", "/\t/evil.example", "javascript:alert(1)", "\\\\evil.example"];
    // Whoever is signed in already is sent on at once.
    let browser = stack.browser_of(&account, Scripts::Off).await;
    for next in evil {
        let query: String = url::form_urlencoded::byte_serialize(next.as_bytes()).collect();
        browser.open(&format!("/sign-in?next={query}")).await;
        at_home(&browser, "/", next).await;
    }
    browser.open("/sign-in?next=%2Fexports%3Fa%3Db").await;
    at_home(&browser, "/exports", "a path of this site").await;
    // Whoever is not keeps it in the form, where anything may be put, and the form is sent.
    let stranger = stack.strange_browser(Scripts::Off).await;
    stranger.open("/sign-in?next=%2F%2Fevil.example").await;
    assert_eq!(stranger.value("[name=next]").await, "/");
    stranger.script("document.querySelector('[name=next]').value = '//evil.example/'").await;
    stranger.sign_in_with(&account.email, PASSWORD).await;
    stranger.see(".around-name", &account.name).await;
    at_home(&stranger, "/", "a form that was tampered with").await;
}

#[tokio::test]
async fn whoever_signed_out_leaves_nothing_behind() {
    let (stack, _turn) = shared().await;
    for scripts in [Scripts::On, Scripts::Off] {
        let account = stack.new_account("Purser").await;
        let title = unique("Count the petty cash");
        let task = stack.task_of(&account, serde_json::json!({ "title": title, "private": true })).await;
        let browser = stack.browser_of(&account, scripts).await;
        browser.open("/").await;
        browser.open(&format!("/tasks/{task}")).await;
        browser.see("h1", &title).await;
        browser.click(".sign-out button").await;
        browser.arrive("/sign-in").await;
        // Back leads to the page of the task, which has to be asked for again.
        for _ in 0..2 {
            browser.client().back().await.expect("the browser goes back");
            browser.arrive("/sign-in").await;
            assert_eq!(browser.script(&format!("return document.body.textContent.includes('{title}')")).await, false);
        }
        // The session has ended for whoever kept the cookie, too.
        stack.api(&account, http::Method::GET, "/session", serde_json::json!(null)).await.with(401);
    }
}

#[tokio::test]
async fn a_new_name_and_a_new_password_count_everywhere() {
    let (stack, _turn) = shared().await;
    let account = stack.new_account("Landlubber").await;
    let here = stack.browser_of(&account, Scripts::On).await;
    let board = stack.browser_of(&account, Scripts::On).await;
    let scriptless = stack.browser_of(&account, Scripts::Off).await;
    board.open_board().await;
    scriptless.open("/account").await;

    here.open("/account").await;
    here.fill("#name", " ").await;
    here.click("form[action='/account'] .button").await;
    here.see("#name-error", "must not be empty").await;
    here.fill("#name", "Captain").await;
    here.click("form[action='/account'] .button").await;
    here.see(".notice-good", "Saved.").await;
    here.see(".around-name", "Captain").await;
    scriptless.client().refresh().await.expect("the page loads again");
    scriptless.see(".around-name", "Captain").await;

    for (current, new, field, reason) in
        [("not the password", "a quite different one", "current", "Current password"), (PASSWORD, "short", "new", "at least 10 characters")]
    {
        change_password(&here, current, new).await;
        here.see(&format!("#{field}_password-error"), reason).await;
        assert_eq!(here.status().await, 422);
        assert_eq!(here.value("#new_password").await, "");
    }
    change_password(&here, PASSWORD, "nineteen fathoms deep").await;
    here.see(".notice-good", "You are signed out everywhere else.").await;
    here.open("/exports").await;
    here.see("h1", "Exports").await;
    // The board that is open elsewhere leaves by itself; the other page does as soon as it is used.
    board.arrive("/sign-in").await;
    scriptless.open("/account").await;
    scriptless.arrive("/sign-in").await;
    scriptless.sign_in_with(&account.email, PASSWORD).await;
    scriptless.see("#summary", "The address or the password is wrong.").await;
    scriptless.sign_in_with(&account.email, "nineteen fathoms deep").await;
    scriptless.arrive("/account").await;
}

#[tokio::test]
async fn a_forgotten_password_is_replaced_by_mail() {
    let (stack, _turn) = shared().await;
    let account = stack.new_account("Purser").await;
    let browser = stack.strange_browser(Scripts::Off).await;
    browser.open("/sign-in").await;
    browser.click("a[href='/password/forgotten']").await;
    browser.arrive("/password/forgotten").await;
    browser.fill("#email", &account.email).await;
    browser.click("main .primary").await;
    browser.see(".notice-good", "If there is an account with this address").await;
    let mail = stack.mail_to(&account.email).await;
    let (_, link) = mail.text.split_once("/password/reset?").expect("the mail has a link");
    let link = format!("/password/reset?{}", link.split_whitespace().next().unwrap());
    browser.open(&link).await;
    browser.fill("#new_password", "password12").await;
    browser.click("main .primary").await;
    browser.see("#new_password-error", "guessed first").await;
    browser.fill("#new_password", "nineteen fathoms deep").await;
    browser.click("main .primary").await;
    browser.see(".notice-good", "You are signed out everywhere.").await;
    let session = account.client().get(format!("{}/api/v1/session", stack.url)).send().await.unwrap();
    assert_eq!(session.status(), 401, "the sessions of the account ended");
    browser.open("/sign-in").await;
    browser.sign_in_with(&account.email, "nineteen fathoms deep").await;
    browser.arrive("/").await;
    let other = stack.strange_browser(Scripts::Off).await;
    other.open(&link).await;
    other.fill("#new_password", "twenty fathoms deeper").await;
    other.click("main .primary").await;
    other.see("#summary", "This link does not work any more.").await;
}

async fn change_password(browser: &Browser, current: &str, new: &str) {
    browser.fill("#current_password", current).await;
    browser.fill("#new_password", new).await;
    browser.click("form[action='/account/password'] .button").await;
}

/// Panics unless the browser is at this path of the stack.
async fn at_home(browser: &Browser, path: &str, what: &str) {
    let address = browser.client().current_url().await.expect("an address");
    assert_eq!((address.origin(), address.path()), (url::Url::parse(INSIDE_URL).unwrap().origin(), path), "{what:?}");
}
