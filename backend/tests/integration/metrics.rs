//! What Prometheus is told.
use crate::harness::{Bench, Server, eventually, run};
use backend::jobs::{Handlers, NewJob, Settings, enqueue};
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::time::Duration;

/// The value of one series on a page.
fn value(page: &str, series: &str) -> Option<f64> {
    page.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

/// How many series a page has.
fn series(page: &str) -> usize {
    page.lines().filter(|line| !line.starts_with('#')).count()
}

async fn add(bench: &Bench, kind: &str, max_attempts: i32) {
    let job = NewJob { kind, coalesce_key: None, payload: json!({}), max_attempts };
    enqueue(&mut bench.pool.acquire().await.unwrap(), &job).await.unwrap();
}

/// Asks for addresses that nobody has asked for before, with a method that nobody knows, too.
async fn wander(server: &Server) {
    let random = uuid::Uuid::now_v7();
    assert_eq!(server.get(&format!("/api/v1/tasks/{random}")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(server.get(&format!("/{random}/{random}")).await.status, StatusCode::NOT_FOUND);
    let method = Method::from_bytes(format!("M{}", random.simple()).as_bytes()).unwrap();
    let odd = server.http.request(method, format!("http://{}/api/v1/stats", server.authority)).send().await.unwrap();
    assert_eq!(odd.status(), StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn requests_are_counted_by_pattern_and_no_address_makes_a_series() {
    run(async |bench| {
        let server = bench.server().await;
        wander(&server).await;
        let first = server.metrics().await;
        wander(&server).await;
        wander(&server).await;
        let second = server.metrics().await;
        assert_eq!(series(&first), series(&second), "{first}\n---\n{second}");
        let by_pattern = r#"slipway_http_requests_total{method="GET",route="/api/v1/tasks/{id}",status="4xx"}"#;
        let elsewhere = r#"slipway_http_requests_total{method="GET",route="unmatched",status="4xx"}"#;
        let odd = r#"slipway_http_requests_total{method="other",route="/api/v1/stats",status="4xx"}"#;
        for name in [by_pattern, elsewhere, odd] {
            assert_eq!((value(&first, name), value(&second, name)), (Some(1.0), Some(3.0)), "{name} in {second}");
        }
        let count = r#"slipway_http_request_duration_seconds_count{method="GET",route="/api/v1/tasks/{id}"}"#;
        assert_eq!(value(&second, count), Some(3.0));
        assert_eq!(value(&second, "slipway_http_requests_in_flight"), Some(0.0));
        assert_eq!(value(&second, r#"slipway_build_info{version="1.2.3",revision="abc"}"#), Some(1.0), "{second}");
    })
    .await;
}

#[tokio::test]
async fn metrics_are_not_where_requests_are() {
    run(async |bench| {
        let server = bench.server().await;
        for path in ["/metrics", "/api/metrics", "/api/v1/metrics", "/admin/metrics"] {
            assert_eq!(server.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn connections_of_browsers_and_to_the_database_are_told() {
    run(async |bench| {
        let server = bench.server().await;
        let sockets = async || value(&server.metrics().await, "slipway_live_connections");
        assert_eq!(sockets().await, Some(0.0));
        let socket = server.socket().await;
        assert_eq!(sockets().await, Some(1.0));
        drop(socket);
        eventually("the socket is closed", async || sockets().await == Some(0.0)).await;
        let page = server.metrics().await;
        assert_eq!(value(&page, "slipway_database_connections_max"), Some(10.0));
        let open = ["idle", "used"].map(|state| value(&page, &format!(r#"slipway_database_connections{{state="{state}"}}"#)).unwrap());
        assert!((1.0..=10.0).contains(&open.iter().sum::<f64>()), "{page}");
        assert_eq!(value(&page, "slipway_live_connections_max"), Some(4000.0));
        assert_eq!(value(&page, "slipway_live_subscribed"), Some(1.0));
    })
    .await;
}

#[tokio::test]
async fn the_queue_is_told_while_no_worker_is_there() {
    run(async |bench| {
        add(bench, "first", 1).await;
        add(bench, "later", 1).await;
        add(bench, "given up", 1).await;
        for sql in [
            "UPDATE jobs SET claimable_at = now() - interval '1 hour' WHERE kind = 'first'",
            "UPDATE jobs SET claimable_at = now() + interval '1 hour' WHERE kind = 'later'",
            "UPDATE jobs SET state = 'failed', finished_at = now() WHERE kind = 'given up'",
        ] {
            sqlx::query(sql).execute(&bench.pool).await.unwrap();
        }
        let server = bench.server().await;
        let page = server.metrics().await;
        for (state, count) in [("ready", 1.0), ("waiting", 1.0), ("running", 0.0), ("failed", 1.0)] {
            assert_eq!(value(&page, &format!(r#"slipway_queue_jobs{{state="{state}"}}"#)), Some(count), "{state} in {page}");
        }
        let age = value(&page, "slipway_queue_oldest_ready_seconds").unwrap();
        assert!((3600.0..3700.0).contains(&age), "{age}");
        assert_eq!(value(&page, "slipway_queue_readable"), Some(1.0));
    })
    .await;
}

#[tokio::test]
async fn without_the_database_the_rest_is_told() {
    run(async |bench| {
        let (server, link) = bench.server_with_database_link().await;
        assert_eq!(value(&server.metrics().await, "slipway_queue_readable"), Some(1.0));
        link.cut();
        eventually("the queue cannot be read", async || {
            let page = server.metrics().await;
            let rest = value(&page, "slipway_database_connections_max") == Some(10.0);
            rest && value(&page, "slipway_queue_readable") == Some(0.0) && !page.contains("slipway_queue_jobs")
        })
        .await;
        link.restore();
        eventually("it can be read again", async || value(&server.metrics().await, "slipway_queue_readable") == Some(1.0)).await;
    })
    .await;
}

#[tokio::test]
async fn attempts_are_counted_by_kind_and_outcome() {
    run(async |bench| {
        let handlers = Handlers::default()
            .with("good", |_| async { Ok(()) })
            .with("bad", |_| async { anyhow::bail!("not ever") })
            .with("endless", |_| std::future::pending());
        add(bench, "good", 1).await;
        add(bench, "bad", 3).await;
        add(bench, "endless", 1).await;
        let settings = Settings { backoff: Duration::from_millis(10), drain: Duration::from_secs(1), ..Settings::default() };
        let worker = bench.worker_with(handlers, settings);
        let mut registry = Registry::default();
        worker.metrics.register(&mut registry);
        let page = || {
            let mut page = String::new();
            encode(&mut page, &registry).unwrap();
            page
        };
        let ended = |kind: &str, outcome: &str| value(&page(), &format!(r#"job_attempts_total{{kind="{kind}",outcome="{outcome}"}}"#));
        eventually("the bad one is given up", async || ended("bad", "failed").is_some()).await;
        eventually("the good one is done", async || ended("good", "done") == Some(1.0)).await;
        eventually("the endless one runs", async || value(&page(), "jobs_in_flight") == Some(1.0)).await;
        assert_eq!((ended("bad", "retried"), ended("bad", "failed")), (Some(2.0), Some(1.0)), "{}", page());
        assert_eq!(value(&page(), r#"job_attempt_duration_seconds_count{kind="bad"}"#), Some(3.0));
        worker.stop().await;
        assert_eq!((ended("endless", "released"), value(&page(), "jobs_in_flight")), (Some(1.0), Some(0.0)), "{}", page());
    })
    .await;
}
