//! A server as a process would run it, and a client for it.
use super::{PATIENCE, Socket};
use backend::config::{DatabaseConfig, LogConfig, MediaConfig, RedisConfig, ReleaseConfig, ServeConfig, ServerConfig};
use backend::http::{Limits, server};
use backend::shutdown::{Shutdown, Trigger};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};
use std::net::Ipv4Addr;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::level_filters::LevelFilter;

pub(crate) struct Server {
    pub(crate) authority: String,
    client: reqwest::Client,
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
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let config = ServeConfig {
            server: ServerConfig { port: address.port() },
            release: ReleaseConfig { environment: "test".into(), version: "1.2.3", revision: Some("abc".into()) },
            log: LogConfig { level: LevelFilter::OFF },
            database,
            redis,
            media: MediaConfig { dir: "/nonexistent".into(), max_attachment_bytes: 1 },
        };
        let (trigger, shutdown) = Shutdown::manual();
        let task = tokio::spawn(async move { server::serve(listener, &config, limits, shutdown).await });
        Server { authority: address.to_string(), client: reqwest::Client::new(), trigger, task }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("http://{}{path}", self.authority))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        send(self.request(Method::POST, path).json(&body)).await
    }

    /// Creates a task, which must succeed.
    pub(crate) async fn create_task(&self, title: &str) -> Value {
        let answer = self.post("/api/v1/tasks", json!({ "title": title })).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        answer.body
    }

    /// Completes a task, which must succeed.
    pub(crate) async fn complete_task(&self, task: &Value) -> Value {
        let path = format!("/api/v1/tasks/{}/complete", task["id"].as_str().unwrap());
        let answer = send(self.request(Method::POST, &path)).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        answer.body
    }

    /// Opens a live connection and takes the greeting.
    pub(crate) async fn socket(&self) -> Socket {
        Socket::open(&self.authority).await
    }

    /// Asks it to stop, as SIGTERM does.
    pub(crate) fn request_stop(&self) {
        self.trigger.request();
    }

    pub(crate) async fn stopped(self) {
        timeout(PATIENCE, self.task).await.expect("the server did not stop").unwrap().unwrap();
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
