//! Much at once: long lines, very many lines, and browsers that take nothing.

use serde_json::{Value, json};

use crate::harness::Hub;

#[tokio::test]
async fn lines_that_cannot_be_used_are_answered_and_the_next_is_taken() {
    let hub = Hub::start().await;
    let mut feed = hub.feed().await;
    feed.write(&[b'x'; 1_500_000]).await;
    feed.write(b"\nhello\n{\"type\":\"weather\"}\n\n").await;
    feed.say(json!({ "type": "log", "at": "", "service": "db", "text": "still here" })).await;
    for expected in ["longer than", "not understood", "`weather` is no type"] {
        let reason = feed.hear().await["error"]["reason"].as_str().unwrap().to_owned();
        assert!(reason.contains(expected), "{reason}");
    }
    hub.until(|health| health["log_lines"] == 1).await;
}

#[tokio::test]
async fn a_browser_that_takes_nothing_is_dropped_and_others_miss_nothing() {
    let hub = Hub::start_with(&[("HUB_PATIENCE_MS", "100")]).await;
    let mut feed = hub.feed().await;
    let _asleep = hub.ask("GET", "/_dev/events", &[], "").await;
    hub.until(|health| health["browsers"] == 1).await;
    let mut awake = hub.browser("/_dev/events").await;
    while awake.next().await.0 != "changes" {}
    // More than systems keep for a connection whose other end reads nothing. When it is dropped is up to the hub; that it is, is not.
    let text = "x".repeat(60_000);
    let mut number = 0;
    while hub.health().await["browsers"] == 2 {
        assert!(number < 20_000, "the browser that takes nothing is still there after {number} events");
        feed.say(json!({ "type": "problem", "key": "one", "number": number, "text": text })).await;
        assert_eq!(awake.expect("problem").await["number"], number);
        number += 1;
    }
    assert_eq!(hub.health().await["browsers"], 1);
}

#[tokio::test]
async fn a_million_log_lines_fit_into_bounded_memory() {
    let hub = Hub::start_with(&[("HUB_PATIENCE_MS", "600000")]).await;
    let mut feed = hub.feed().await;
    // One browser takes nothing while they come.
    let mut asleep = hub.browser("/_dev/events?logs=1").await;
    while asleep.next().await.0 != "changes" {}
    let padding = "x".repeat(80);
    for thousand in 0..1000 {
        let lines: String = (0..1000)
            .map(|number| format!("{{\"type\":\"log\",\"at\":\"2026-01-01T00:00:00.000000001Z\",\"service\":\"backend\",\"level\":\"INFO\",\"request_id\":\"r{number}\",\"text\":\"line {thousand} {number} {padding}\"}}\n"))
            .collect();
        feed.write(lines.as_bytes()).await;
    }
    hub.until(|health| health["log_lines"] == 1_000_000).await;
    assert!(hub.health().await["log_bytes"].as_u64() <= Some(16 << 20));
    #[cfg(target_os = "linux")]
    {
        let status = std::fs::read_to_string(format!("/proc/{}/status", hub.child.id().unwrap())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).and_then(|peak| peak.trim().strip_suffix(" kB")).unwrap();
        eprintln!("peak of the hub's memory: {peak} kB");
        assert!(peak.trim().parse::<u64>().unwrap() < 64 * 1024, "{peak} kB");
    }
    let (_, body) = hub.send("GET", "/_dev/logs?q=LINE%20999%20&request_id=r999&service=backend&level=info", &[], "").await;
    let found: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((found["lines"].as_array().unwrap().len(), &found["lines"][0]["n"]), (1, &json!(999_999)));
    let (_, body) = hub.send("GET", "/_dev/logs?limit=1000000", &[], "").await;
    let most: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(most["lines"].as_array().unwrap().len(), 5000);

    // The one that slept is told how many lines it missed, and gets all others.
    let (mut got, mut missed) = (0, 0);
    while got + missed < 1_000_000 {
        let batch = asleep.expect("logs").await;
        missed += batch["skipped"].as_u64().unwrap();
        got += batch["lines"].as_array().unwrap().len() as u64;
    }
    assert!(missed > 0 && got >= 20_000, "{got} {missed}");
}
