//! Bounds on what one client may send: bodies and rates (R3.4).

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use http::StatusCode;

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

#[tokio::test]
async fn many_attempts_to_sign_in_are_limited_and_nothing_else_is() {
    let (stack, _turn) = alone().await;
    let (client, url) = (client(), format!("{}/api/v1/sessions", stack.url));
    let attempts = join_all((0..40).map(|_| read(client.post(&url)))).await;
    let attempts: Vec<Answer> = attempts.into_iter().map(Result::unwrap).collect();
    // Signing in comes later: until then what gets through is not found.
    let (limited, through): (Vec<_>, Vec<_>) = attempts.into_iter().partition(|answer| answer.status == 429);
    assert!(!limited.is_empty() && !through.is_empty(), "{} of 40 were limited", limited.len());
    let limited = limited[0].clone().problem();
    assert_protected(&limited);
    assert_eq!(limited.header("retry-after"), "1");
    stack.get("/api/v1/tasks").await.with(200);
}
