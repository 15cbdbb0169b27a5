//! One id for each request, the same in the response and in the log lines of every service on its way.

use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

use crate::harness::{Stack, eventually, shared};

/// How long a line may take from a service to `logs`.
const PATIENCE: Duration = Duration::from_secs(20);

/// The log lines of `service` that contain `text`, as JSON.
fn lines(stack: &Stack, service: &str, text: &str) -> Vec<Value> {
    let output = stack.xtask(&["logs", service, "--grep", text]).good().stdout;
    let objects = output.lines().filter_map(|line| line.split_once(" | "));
    objects.map(|(_, line)| serde_json::from_str(line).unwrap_or_else(|error| panic!("not JSON ({error}): {line}"))).collect()
}

/// The line in which `service` says that it answered the request with `id`.
async fn line(stack: &Stack, service: &str, id: &str) -> Value {
    eventually(&format!("a line of {service} about the request"), PATIENCE, || async {
        let lines = lines(stack, service, id);
        lines.into_iter().find(|line| line["request_id"] == id && line["status"].is_number()).context("there is none")
    })
    .await
}

#[tokio::test]
async fn the_request_id_is_the_same_everywhere_and_never_the_clients() {
    let (stack, _turn) = shared().await;
    for (path, behind) in [("/api/v1/tasks", "backend"), ("/", "frontend")] {
        let theirs = "0123456789abcdef0123456789abcdef";
        let answer = stack.send(http::Method::GET, path, &[("x-request-id", theirs), ("x-forwarded-for", "203.0.113.9")]).await.with(200);
        let id = answer.header("x-request-id").to_owned();
        assert_ne!(id, theirs);
        let (proxy, service) = (line(&stack, "proxy", &id).await, line(&stack, behind, &id).await);
        assert_eq!((&proxy["path"], &proxy["status"], &proxy["method"]), (&path.into(), &200.into(), &"GET".into()));
        assert_eq!((&service["path"], &service["status"]), (&path.into(), &200.into()));
        assert_ne!(proxy["remote_addr"], "203.0.113.9", "an address that the client made up");
    }
    // The page asked the backend on behalf of its reader.
    let id = stack.get("/").await.header("x-request-id").to_owned();
    assert!(line(&stack, "backend", &id).await["path"].as_str().unwrap().starts_with("/api/v1/"));
}

#[tokio::test]
async fn the_access_log_is_json_whatever_clients_send() {
    let (stack, _turn) = shared().await;
    let request = b"GET /no-such-page?a=%22&b=\" HTTP/1.1\r\nHost: localhost\r\nUser-Agent: quote \" backslash \\ tab \t byte \xff\r\n\
        Referer: {\"a\":1}\r\nConnection: close\r\n\r\n";
    let id = stack.raw(request).header("x-request-id").to_owned();
    let line = line(&stack, "proxy", &id).await;
    for field in ["timestamp", "level", "message", "service", "request_id", "remote_addr", "method", "path", "protocol"] {
        assert!(line[field].as_str().is_some_and(|value| !value.is_empty()), "`{field}` in {line}");
    }
    for field in ["status", "ms", "bytes"] {
        assert!(line[field].is_number(), "`{field}` in {line}");
    }
    assert!(line["user_agent"].as_str().unwrap().starts_with("quote \" backslash \\ tab"), "{line}");
    assert_eq!(line["referrer"], "{\"a\":1}");
    // All others parse, too: `lines` says so if not.
    assert!(!lines(&stack, "proxy", "request_id").is_empty());
}
