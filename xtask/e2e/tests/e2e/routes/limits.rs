//! Bounds on what one client may send: bodies and rates.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use http::{Method, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::headers::assert_protected;
use crate::harness::client::{Answer, client, read};
use crate::harness::{Stack, alone, shared};

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_it_is_sent() {
    let (stack, _turn) = shared().await;
    let head = |path: &str| {
        let host = stack.authority();
        format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: 1048577\r\nConnection: close\r\n\r\n"
        )
    };
    let answer = stack.raw(head("/api/v1/tasks").as_bytes()).with(413).problem();
    assert_protected(&answer);
    let answer = stack.raw(head("/").as_bytes()).with(413).page("That is too large");
    assert_protected(&answer);
}

#[tokio::test]
async fn a_body_that_only_the_backend_finds_too_large_is_refused_as_well() {
    let (stack, _turn) = shared().await;
    let answer = stack.create_task(&"a".repeat(100_000)).await.with(413).problem();
    assert_protected(&answer);
    let answer = stack.create_task(&"a".repeat(201)).await.with(422).problem();
    assert_eq!(answer.json()["errors"][0]["field"], "title");
}

#[tokio::test]
async fn a_small_body_that_trickles_is_given_up_in_the_time_of_one_request() {
    let (stack, _turn) = shared().await;
    for (path, kind) in [("/api/v1/sessions", "application/json"), ("/sign-in", "application/x-www-form-urlencoded")] {
        let host = stack.authority();
        let head = format!("POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {kind}\r\nContent-Length: 200\r\n\r\n");
        let mut stream = tokio::net::TcpStream::connect(host).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let (mut read, mut write) = stream.into_split();
        let trickle = tokio::spawn(async move {
            let mut pace = tokio::time::interval(Duration::from_secs(2));
            loop {
                pace.tick().await;
                if write.write_all(b"a").await.is_err() {
                    return;
                }
            }
        });
        let (begin, mut answer) = (Instant::now(), Vec::new());
        // A reset after the answer is an end as well.
        let ended = tokio::time::timeout(Duration::from_secs(30), read.read_to_end(&mut answer)).await;
        trickle.abort();
        assert!(ended.is_ok(), "{path} is open after {:?}", begin.elapsed());
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 408 "), "{path}: {answer}");
        assert!(begin.elapsed() < Duration::from_secs(20), "{path} was open for {:?}", begin.elapsed());
    }
}

/// Sends requests, many at once, until one is limited.
async fn until_limited(stack: &Stack, path: &str) -> Answer {
    let (client, url, begin) = (client(), format!("{}{path}", stack.url), Instant::now());
    while begin.elapsed() < Duration::from_secs(30) {
        let batch = join_all((0..64).map(|_| read(client.get(&url)))).await;
        for answer in batch {
            let answer = answer.unwrap();
            match answer.status {
                StatusCode::OK => {}
                StatusCode::TOO_MANY_REQUESTS => return answer,
                other => panic!("neither 200 nor 429 but {other}: {answer:#?}"),
            }
        }
    }
    panic!("no request was limited within 30 s");
}

#[tokio::test]
async fn a_client_that_asks_too_often_waits_and_then_goes_on() {
    let (stack, _turn) = alone().await;
    let limited = until_limited(&stack, "/api/v1/health/").await.problem();
    assert_protected(&limited);
    assert_eq!(limited.header("retry-after"), "1");
    // Pages, and the proxy's own health, have no part in it.
    stack.get("/health").await.with(200);
    // Whoever waits as long as was said gets an answer, and so do the tests that follow.
    tokio::time::sleep(Duration::from_secs(limited.header("retry-after").parse().unwrap())).await;
    stack.get("/api/v1/health/").await.with(200);
}

/// Sends 40 requests at once; returns one that was limited. Some must get through, whatever the application says to them.
async fn forty(stack: &Stack, method: Method, path: &str) -> Option<Answer> {
    let (client, url) = (client(), format!("{}{path}", stack.url));
    let answers = join_all((0..40).map(|_| read(client.request(method.clone(), &url)))).await;
    answers.into_iter().map(Result::unwrap).find(|answer| answer.status == 429)
}

#[tokio::test]
async fn whatever_checks_a_password_is_limited_together_and_nothing_else_is() {
    let (stack, _turn) = alone().await;
    let limited = forty(&stack, Method::POST, "/api/v1/sessions").await.expect("40 are too many").problem();
    assert_protected(&limited);
    assert_eq!(limited.header("retry-after"), "1");
    forty(&stack, Method::PUT, "/api/v1/account/password").await.expect("they share what an address may do").problem();
    for page in ["/sign-in", "/account/password"] {
        forty(&stack, Method::POST, page).await.expect(page).page("Too much at once");
    }
    // Reading the form is free, and so is everything else.
    assert!(forty(&stack, Method::GET, "/sign-in").await.is_none());
    assert!(forty(&stack, Method::GET, "/api/v1/sessions").await.is_none());
    stack.get("/api/v1/health/").await.with(200);
}

#[tokio::test]
async fn uploads_may_be_large_but_not_without_end() {
    let (stack, _turn) = shared().await;
    let upload = |path: &str, length: u64, body: &str| {
        let host = stack.authority();
        format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
    };
    let (api, page) = ("/api/v1/tasks/0/attachments", "/tasks/0/attachments");
    stack.raw(upload(api, (1100 << 20) + 1, "").as_bytes()).with(413).problem();
    stack.raw(upload(page, (1100 << 20) + 1, "").as_bytes()).with(413).page("That is too large");
    // The application hears of an upload at once, not when its last byte is here: nobody is signed in, so it says no to the first.
    let answer = stack.raw(upload(api, 1100 << 20, "--x\r\n").as_bytes());
    assert_eq!(answer.status, 401, "{answer:#?}");
}
