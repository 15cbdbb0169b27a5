//! Files through the whole stack: sent to the backend as they come, allowed by the backend, sent by nginx.

use http::Method;
use reqwest::multipart::{Form, Part};

use crate::harness::account::Account;
use crate::harness::client::{Answer, client, read};
use crate::harness::{Stack, shared};

const TYPE: &str = "application/octet-stream";

/// Sends a file to a task, as `account` or as nobody.
pub(crate) async fn attach(stack: &Stack, account: Option<&Account>, task: &str, name: &str, content: Vec<u8>) -> Answer {
    let part = Part::bytes(content).file_name(name.to_owned()).mime_str(TYPE).unwrap();
    let client = account.map_or_else(client, Account::client);
    let url = format!("{}/api/v1/tasks/{task}/attachments", stack.url);
    read(client.post(url).multipart(Form::new().part("file", part))).await.unwrap()
}

#[tokio::test]
async fn a_file_comes_back_as_it_was_to_those_who_may_have_it() {
    let (stack, _turn) = shared().await;
    let skipper = stack.skipper().await;
    let body = serde_json::json!({ "title": "Keep the log", "private": true });
    let task = read(skipper.client().post(format!("{}/api/v1/tasks", stack.url)).json(&body)).await.unwrap().with(201).json();
    let id = task["id"].as_str().unwrap();
    let content: Vec<u8> = (0..100_000).map(|number| b"0123456789 harbour log\n"[number % 23]).collect();
    let attachment = attach(&stack, Some(&skipper), id, "log \"é\".txt", content.clone()).await.with(201).json();
    let url = attachment["url"].as_str().unwrap();
    let whole = stack.get(url).await.with(200);
    assert_eq!(whole.body.as_bytes(), content);
    assert!(
        whole.header("content-type").starts_with("text/plain") && whole.header("content-disposition").starts_with("attachment;"),
        "{whole:#?}"
    );
    assert_eq!((whole.header("cache-control"), whole.header("x-content-type-options")), ("private, no-cache", "nosniff"));
    assert!(whole.header("content-security-policy").contains("sandbox"), "{whole:#?}");
    let part = stack.send(Method::GET, url, &[("range", "bytes=10-19")]).await.with(206);
    assert_eq!(part.body.as_bytes(), &content[10..20]);
    assert_eq!(part.header("content-range"), "bytes 10-19/100000");
    stack.send(Method::GET, url, &[("range", "bytes=100000-")]).await.with(416);

    let stranger = stack.new_account("Stowaway").await;
    read(stranger.client().get(format!("{}{url}", stack.url))).await.unwrap().with(404).problem();
    read(client().get(format!("{}{url}", stack.url))).await.unwrap().with(401).problem();
    attach(&stack, Some(&stranger), id, "note.txt", b"x".to_vec()).await.with(404).problem();
    // Where the file lies is nobody's business, and leads nowhere.
    let stored = format!("/_media/attachments/{}/{}", &attachment["id"].as_str().unwrap()[34..], attachment["id"].as_str().unwrap());
    stack.get(&stored).await.with(404);
}

#[tokio::test]
async fn whoever_sends_too_soon_or_too_much_reads_the_answer() {
    let (stack, _turn) = shared().await;
    let skipper = stack.skipper().await;
    let task = stack.create_task("Weigh the cargo").await.with(201).json();
    let id = task["id"].as_str().unwrap();
    // The answer is known before the file has arrived; it must not get lost in what still comes.
    for _ in 0..10 {
        attach(&stack, None, id, "cargo.txt", vec![b'x'; 20 << 20]).await.with(401).problem();
        attach(&stack, Some(&skipper), id, "cargo.html", vec![b'x'; 20 << 20]).await.with(415).problem();
    }
}
