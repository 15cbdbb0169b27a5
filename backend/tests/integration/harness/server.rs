//! A server as a process would run it, and a client for it.
use super::{Client, PATIENCE};
use backend::config::{DatabaseConfig, LogConfig, MetricsConfig, RedisConfig, ReleaseConfig, ServeConfig, ServerConfig};
use backend::http::{Limits, server};
use backend::shutdown::{Shutdown, Trigger};
use backend::supervisor::Supervisor;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::Value;
use std::net::Ipv4Addr;
use std::ops::Deref;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::level_filters::LevelFilter;

/// A running server. It is also a client with an account of its own, where the database allowed it.
pub(crate) struct Server {
    client: Client,
    /// Where its metrics are.
    metrics: String,
    trigger: Trigger,
    task: JoinHandle<anyhow::Result<()>>,
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Server {
    pub(super) async fn start(database: DatabaseConfig, redis: RedisConfig, limits: Limits) -> Self {
        let supervisor = Supervisor::default();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let metrics_listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let metrics = metrics_listener.local_addr().unwrap().to_string();
        let config = ServeConfig {
            server: ServerConfig { port: address.port(), requests_per_minute: 100_000 },
            release: ReleaseConfig { environment: "test".into(), version: "1.2.3", revision: Some("abc".into()) },
            log: LogConfig { level: LevelFilter::OFF },
            media: super::media(&database),
            database,
            redis,
            metrics: MetricsConfig::default(),
        };
        let (trigger, shutdown) = Shutdown::manual();
        let task =
            tokio::spawn(async move { server::serve(listener, Some(metrics_listener), &config, limits, &supervisor, shutdown).await });
        let stranger = Client::stranger(address.to_string());
        let client = stranger.try_sign_up("Ada").await.unwrap_or(stranger);
        Server { client, metrics, trigger, task }
    }

    /// Its page of metrics.
    pub(crate) async fn metrics(&self) -> String {
        let answer = reqwest::get(format!("http://{}/metrics", self.metrics)).await.unwrap().error_for_status().unwrap();
        assert_eq!(answer.headers()[CONTENT_TYPE], "application/openmetrics-text; version=1.0.0; charset=utf-8");
        answer.text().await.unwrap()
    }

    /// Asks it to stop, as SIGTERM does.
    pub(crate) fn request_stop(&self) {
        self.trigger.request();
    }

    pub(crate) async fn stopped(self) {
        timeout(PATIENCE, self.task).await.expect("the server did not stop").unwrap().unwrap();
    }
}

impl Deref for Server {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

pub(crate) async fn send(request: RequestBuilder) -> Answer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status(), response.headers().clone());
    let body = response.json().await.unwrap_or(Value::Null);
    Answer { status, headers, body }
}

impl Answer {
    /// Checks that the answer is a problem of this status with all members that RFC 9457 and we promise.
    pub(crate) fn assert_problem(&self, status: StatusCode, instance: &str) -> &Self {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.headers[CONTENT_TYPE], "application/problem+json");
        assert_eq!(self.body["type"], "about:blank");
        assert_eq!(self.body["title"], status.canonical_reason().unwrap());
        assert_eq!(self.body["status"], status.as_u16());
        assert_eq!(self.body["instance"], instance);
        assert_eq!(self.body["request_id"], self.headers["x-request-id"].to_str().unwrap());
        assert!(!self.body["detail"].as_str().unwrap().is_empty());
        self
    }
}
