//! The WebSocket through the proxy.

use std::time::Duration;

use futures_util::StreamExt as _;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::harness::{Stack, shared};

/// How long a message may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// An open live connection.
pub(crate) struct Live(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Live {
    /// Opens one as a page of `origin` does.
    pub(crate) async fn open(stack: &Stack, origin: &str) -> Result<Self, Error> {
        let mut request = format!("ws://{}/ws", stack.authority()).into_client_request()?;
        request.headers_mut().extend(stack.skipper().await.headers());
        request.headers_mut().insert("origin", origin.parse().unwrap());
        Ok(Self(connect_async(request).await?.0))
    }

    /// The next message that `wanted` accepts.
    pub(crate) async fn message(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        let next = async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Text(text))) => {
                        let message: Value = serde_json::from_str(&text).unwrap();
                        if wanted(&message) {
                            return message;
                        }
                    }
                    Some(Ok(_)) => {}
                    other => panic!("the connection ended: {other:?}"),
                }
            }
        };
        tokio::time::timeout(PATIENCE, next).await.expect("the message comes")
    }
}

#[tokio::test]
async fn a_live_connection_greets_and_tells_of_new_tasks() {
    let (stack, _turn) = shared().await;
    let mut live = Live::open(&stack, &stack.url).await.unwrap();
    let hello = live.message(|_| true).await;
    assert_eq!(hello["type"], "hello");
    assert!(hello["version"].is_string());
    let task = stack.create_task("Caulk the seams").await.with(201).json();
    let told = live.message(|message| message["type"] == "task" && message["task"]["id"] == task["id"]).await;
    assert_eq!(told["task"], task);
    // The worker counts afterwards, and tells as well.
    let stats = live.message(|message| message["type"] == "stats").await;
    assert!(stats["stats"]["created"].as_u64().unwrap() >= 1);
}

#[tokio::test]
async fn a_page_of_another_origin_gets_no_live_connection() {
    let (stack, _turn) = shared().await;
    for origin in ["http://evil.example", "null", "http://localhost:1"] {
        match Live::open(&stack, origin).await {
            Err(Error::Http(response)) => {
                assert_eq!(response.status(), 403, "{origin}");
                assert_eq!(response.headers()["content-type"], "application/problem+json");
            }
            Err(other) => panic!("{origin}: {other:?}"),
            Ok(_) => panic!("{origin} was let in"),
        }
    }
}

#[tokio::test]
async fn a_page_of_another_origin_changes_nothing() {
    let (stack, _turn) = shared().await;
    let headers = [("origin", "http://evil.example"), ("x-forwarded-host", "evil.example"), ("content-type", "application/json")];
    let answer = stack.send(http::Method::POST, "/api/v1/tasks", &headers).await;
    answer.with(403).problem();
}
