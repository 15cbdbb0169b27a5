//! What browsers are told: everything when they come, news while they stay.

use serde_json::{Value, json};

use crate::harness::{Hub, program, soon};

fn state(project: &str) -> Value {
    json!({ "type": "state", "project": project, "services": [{ "name": "backend" }], "actions": ["restart"] })
}

fn problem(key: &str) -> Value {
    json!({ "type": "problem", "key": key, "kind": "compile", "title": "mismatched types", "text": "\u{1b}[31merror\u{1b}[0m" })
}

fn change(id: u64, phase: &str) -> Value {
    json!({ "type": "change", "id": id, "phase": phase, "paths": ["a.rs"], "detect_ms": 20 })
}

#[tokio::test]
async fn who_comes_late_learns_everything_and_then_the_news() {
    let hub = Hub::start().await;
    let mut feed = hub.feed().await;
    for message in [state("slipway"), problem("a"), problem("b"), json!({ "type": "solved", "key": "a" }), change(1, "building")] {
        feed.say(message).await;
    }
    feed.say(json!({ "type": "log", "at": "2026-01-01T00:00:00Z", "service": "db", "level": "INFO", "text": "ready" })).await;
    hub.until(|health| health["log_lines"] == 1).await;

    let mut page = hub.browser("/_dev/events").await;
    let hello = page.expect("hello").await;
    assert_eq!(page.expect("state").await["project"], "slipway");
    assert_eq!(page.expect("problem").await["key"], "b");
    page.expect("attached").await;
    assert_eq!(page.expect("changes").await[0]["phase"], "building");
    let mut dashboard = hub.browser("/_dev/events?logs=1").await;
    for name in ["hello", "state", "problem", "attached", "changes"] {
        dashboard.expect(name).await;
    }
    assert_eq!(
        dashboard.expect("logs").await,
        json!({ "skipped": 0, "lines": [{ "n": 0, "at": "2026-01-01T00:00:00Z", "service": "db", "level": "INFO", "request_id": null, "text": "ready" }] })
    );

    feed.say(json!({ "type": "change", "id": 1, "phase": "done", "swap_ms": 7 })).await;
    feed.say(json!({ "type": "solved", "key": "b" })).await;
    feed.say(json!({ "type": "refresh", "kind": "style", "paths": ["app.css"] })).await;
    for browser in [&mut page, &mut dashboard] {
        assert_eq!(
            browser.expect("change").await,
            json!({ "feed": 1, "id": 1, "phase": "done", "paths": ["a.rs"], "detect_ms": 20, "swap_ms": 7 })
        );
        assert_eq!(browser.expect("solved").await, json!({ "key": "b" }));
        assert_eq!(browser.expect("refresh").await, json!({ "kind": "style", "paths": ["app.css"] }));
    }
    // A browser that was away meanwhile learns that programs were swapped.
    assert!(hello["refreshed_ms_ago"].is_null());
    assert!(hub.browser("/_dev/events").await.expect("hello").await["refreshed_ms_ago"].is_u64());
}

#[tokio::test]
async fn a_feed_that_ends_leaves_its_state_and_the_next_begins_anew() {
    let hub = Hub::start().await;
    let mut feed = hub.feed().await;
    for message in [state("slipway"), problem("a"), change(1, "building")] {
        feed.say(message).await;
    }
    let mut page = hub.browser("/_dev/events").await;
    while page.next().await.0 != "changes" {}
    // What is said right before the end arrives as well.
    feed.say(change(2, "swapping")).await;
    feed.end().await;
    while page.next().await.1["phase"] != "swapping" {}
    // Nobody would say when it is solved.
    assert_eq!(page.expect("solved").await["key"], "a");
    assert_eq!(page.expect("change").await["phase"], "cancelled");
    assert_eq!(page.expect("change").await["phase"], "cancelled");
    page.expect("detached").await;
    let mut late = hub.browser("/_dev/events").await;
    for name in ["hello", "state", "detached", "changes"] {
        late.expect(name).await;
    }

    let mut feed = hub.feed().await;
    page.expect("attached").await;
    feed.say(change(1, "failed")).await;
    assert_eq!(page.expect("change").await["feed"], 2);

    // A second one takes the place of the first, which says so.
    let newest = hub.feed().await;
    assert_eq!(soon("the older feed ends", feed.child.wait()).await.unwrap().code(), Some(1));
    page.expect("detached").await;
    page.expect("attached").await;
    drop(newest);
}

#[tokio::test]
async fn a_newer_hub_takes_over_the_socket() {
    let hub = Hub::start().await.successor().await;
    let mut feed = hub.feed().await;
    feed.say(state("slipway")).await;
    let mut page = hub.browser("/_dev/events").await;
    while page.next().await.0 != "state" {}
}

#[tokio::test]
async fn pages_are_served_with_tags_and_a_policy() {
    let hub = Hub::start().await;
    for path in ["/_dev/", "/_dev/client.js", "/_dev/worker.js", "/_dev/dashboard.js", "/_dev/dashboard.css"] {
        let (status, body) = hub.send("GET", path, &[], "").await;
        assert_eq!(status, 200, "{path}");
        assert!(body.len() > 200, "{path}");
    }
    assert_eq!(hub.send("GET", "/_dev/none.js", &[], "").await.0, 404);
    let mut stream = hub.ask("GET", "/_dev/", &[], "").await;
    let mut answer = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut stream, &mut answer).await.unwrap();
    let (head, _) = answer.split_once("\r\n\r\n").unwrap();
    let header = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("no `{name}` in {head}"));
    assert!(
        header("content-security-policy: ")
            .starts_with("default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; connect-src 'self'")
    );
    assert_eq!(hub.send("GET", "/_dev/", &[("If-None-Match", header("etag: "))], "").await, (304, String::new()));
}

#[tokio::test]
async fn strangers_names_get_nothing_that_is_about_the_project() {
    let hub = Hub::start_with(&[("SITE_HOSTS", "localhost dev.example")]).await;
    for path in ["/_dev/events", "/_dev/logs"] {
        assert_eq!(hub.send("GET", path, &[("Host", "evil.example")], "").await.0, 403, "{path}");
    }
    for host in ["localhost:8080", "one.localhost", "[::1]:80", "10.1.2.3:8080", "proxy", "dev.example:8080"] {
        assert_eq!(hub.send("GET", "/_dev/logs", &[("Host", host)], "").await.0, 200, "{host}");
    }
}

#[tokio::test]
async fn the_health_check_tells_a_hub_from_none() {
    let mut hub = Hub::start().await;
    let port = hub.port.to_string();
    let ask = || program(&["health"]).env("PORT", &port).output();
    assert!(ask().await.unwrap().status.success());
    hub.child.kill().await.unwrap();
    let output = ask().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("the hub does not answer on port"));
}
