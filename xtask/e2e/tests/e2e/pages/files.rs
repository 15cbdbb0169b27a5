//! Journeys of files: attaching one to a task, looking at it, loading it, being refused, and taking it away.

use serde_json::json;

use super::board::{List, unique};
use super::scene::PICTURE;
use crate::harness::browser::{Browser, Scripts};
use crate::harness::{INSIDE_URL, Stack, shared};

#[tokio::test]
async fn a_file_is_attached_loaded_and_deleted() {
    let (stack, _turn) = shared().await;
    let skipper = stack.skipper().await;
    for scripts in [Scripts::On, Scripts::Off] {
        let title = unique("Keep the log");
        let task = stack.task_of(&skipper, json!({ "title": title })).await;
        let browser = stack.browser(scripts).await;
        browser.open(&format!("/tasks/{task}")).await;
        browser.see("#files", "No files yet.").await;
        let text = "Wind: süd-west 4\n".repeat(100);
        let path = place(&stack, "ship's log & more.txt", text.as_bytes());
        upload(&browser, &path).await;
        browser.see("#files .file a", "ship's log & more.txt").await;
        browser.see("#files .facts", "2 kB").await;
        assert_eq!(browser.script("return document.querySelectorAll('#files .file').length").await, 1);

        // What comes back is what was sent, offered for saving under its name.
        let load = "return fetch(document.querySelector('#files .file a').href).then(async (answer) => ({ text: await answer.text(), status: answer.status,
                    kept: answer.headers.get('content-disposition') }))";
        let loaded = browser.script(load).await;
        assert_eq!((&loaded["status"], loaded["text"].as_str()), (&json!(200), Some(text.as_str())));
        assert!(loaded["kept"].as_str().is_some_and(|kept| kept.starts_with("attachment")), "{loaded}");

        browser.open("/").await;
        let item = browser.task(List::Open, &title).await;
        browser.see(&format!("{item} [data-fact=attachments]"), "1").await;

        // Deleting asks first.
        browser.open(&format!("/tasks/{task}")).await;
        assert!(!browser.element("#files .button-danger").await.is_displayed().await.expect("it can be looked at"));
        browser.click("#files summary").await;
        browser.click("#files .button-danger").await;
        browser.see("#files", "No files yet.").await;
        browser.arrive(&format!("/tasks/{task}")).await;
    }
}

#[tokio::test]
async fn a_picture_is_shown_in_place() {
    let (stack, _turn) = shared().await;
    let skipper = stack.skipper().await;
    let task = stack.task_of(&skipper, json!({ "title": unique("Photograph the keel") })).await;
    let browser = stack.browser(Scripts::On).await;
    browser.open_task(&task).await;
    upload(&browser, &place(&stack, "keel.png", PICTURE)).await;
    browser.see("#files .file a", "keel.png").await;
    let address = browser.script("return new URL(document.querySelector('#files .file a').href).pathname").await;
    browser.open(address.as_str().expect("an address")).await;
    assert_eq!(browser.script("return document.contentType").await, "image/png");
    assert_eq!(browser.script("return [document.images[0].naturalWidth, document.images[0].naturalHeight]").await, json!([8, 8]));
    // To whoever may not see the task, the file does not exist.
    let hidden = json!({ "title": unique("Hide the keel"), "private": true });
    let hidden = stack.task_of(&skipper, hidden).await;
    let file = stack.attach(&skipper, &hidden, "keel.png", PICTURE).await;
    let url = file["url"].as_str().expect("an address");
    browser.open(url).await;
    assert_eq!(browser.script("return document.contentType").await, "image/png");
    let stranger = stack.browser_of(&stack.new_account("Stowaway").await, Scripts::On).await;
    stranger.open(url).await;
    assert_eq!(stranger.status().await, 404);
}

#[tokio::test]
async fn a_file_that_is_not_accepted_is_refused_with_the_reason() {
    let (stack, _turn) = shared().await;
    let skipper = stack.skipper().await;
    for scripts in [Scripts::On, Scripts::Off] {
        let task = stack.task_of(&skipper, json!({ "title": unique("Search the cargo") })).await;
        let browser = stack.browser(scripts).await;
        browser.open(&format!("/tasks/{task}")).await;
        let page = b"<script>alert(1)</script>";
        // By its name, and by what is in it whatever its name says.
        for name in ["page.html", "page.png"] {
            upload(&browser, &place(&stack, name, page)).await;
            browser.see("#file-error", "none of the types that can be attached").await;
            browser.see("#files", "No files yet.").await;
            assert_eq!(browser.script("return document.getElementById('file').getAttribute('aria-invalid')").await, "true");
            let answer = browser.client().current_url().await.expect("an address");
            assert_eq!(answer.host_str(), url::Url::parse(INSIDE_URL).unwrap().host_str());
        }
        // The page that refused one takes the next one.
        upload(&browser, &place(&stack, "fine.txt", b"fine")).await;
        browser.see("#files .file a", "fine.txt").await;
    }
}

#[tokio::test]
async fn somebody_else_sees_a_file_arrive() {
    let (stack, _turn) = shared().await;
    let mate = stack.new_account("Quartermaster").await;
    let task = stack.task_of(&mate, json!({ "title": unique("List the stores") })).await;
    let browser = stack.browser(Scripts::On).await;
    browser.open_task(&task).await;
    browser.mark().await;
    let file = stack.attach(&mate, &task, "stores.csv", b"rope,30 m\r\n").await;
    browser.see("#files .file a", "stores.csv").await;
    browser.see("#files .facts", "Quartermaster").await;
    let id = file["id"].as_str().expect("files have ids");
    stack.api(&mate, http::Method::DELETE, &format!("/attachments/{id}"), json!(null)).await.with(204);
    browser.see("#files", "No files yet.").await;
    browser.still_marked().await;
    assert_eq!(browser.console().await, [""; 0]);
}

/// Puts a file where the browser can choose it: into the browser's container.
fn place(stack: &Stack, name: &str, bytes: &[u8]) -> String {
    let directory = format!("/tmp/{}", unique("files").replace(' ', "-"));
    let octal: String = bytes.iter().map(|byte| format!("\\0{byte:03o}")).collect();
    let script = "mkdir -p \"$1\" && printf %b \"$3\" > \"$1/$2\"";
    stack.docker(&["exec", &stack.container("browser"), "bash", "-c", script, "bash", &directory, name, &octal]).good();
    format!("{directory}/{name}")
}

/// Chooses a file and sends the form.
async fn upload(browser: &Browser, path: &str) {
    browser.element("#file").await.send_keys(path).await.expect("the file can be chosen");
    browser.click("#upload .button").await;
}
