//! Clients that go on while programs are replaced: a steady rate on kept connections, pages, requests that take two seconds, and live connections.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::{self, client::IntoClientRequest as _};

use super::RECONNECT;
use crate::harness::Stack;
use crate::harness::client::read;

/// So many connections share the rate.
const CONNECTIONS: u32 = 20;
/// How often a page is read, which the frontend asks the backend for on connections that it keeps.
const PAGE: Duration = Duration::from_millis(50);
/// So many live connections are open.
const SOCKETS: usize = 5;

/// The clients.
pub(super) struct Load {
    stop: Arc<AtomicBool>,
    clients: JoinSet<Seen>,
}

/// What clients have seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// The ids of requests that were answered well.
    pub(super) good: Vec<String>,
    /// The ids of pages that were answered well: each is several requests to the backend.
    pub(super) pages: Vec<String>,
    /// Every other answer, or that there was none.
    pub(super) failed: Vec<String>,
    /// Requests among the good ones that took two seconds and more.
    pub(super) long: usize,
    /// How often a live connection was opened.
    pub(super) connected: usize,
    /// The times of the good ones that were not made to wait.
    pub(super) times: Vec<Duration>,
}

impl Load {
    /// Begins to ask `rate` times a second.
    pub(super) async fn begin(stack: &Stack, rate: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut clients = JoinSet::new();
        for _ in 0..CONNECTIONS {
            clients.spawn(readers(stack.clone(), stop.clone(), Duration::from_secs(1) * CONNECTIONS / rate));
        }
        clients.spawn(pages(stack.clone(), stop.clone()));
        clients.spawn(writer(stack.clone(), stop.clone()));
        let open = Arc::new(AtomicUsize::new(0));
        for _ in 0..SOCKETS {
            clients.spawn(listener(stack.clone(), stop.clone(), open.clone()));
        }
        crate::harness::eventually("every live connection is open", RECONNECT, || async {
            let open = open.load(Ordering::Relaxed);
            anyhow::ensure!(open >= SOCKETS, "{open} are");
            Ok(())
        })
        .await;
        Self { stop, clients }
    }

    /// Ends and adds up.
    pub(super) async fn end(mut self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Seen::default();
        while let Some(seen) = self.clients.join_next().await {
            let seen = seen.unwrap();
            all.good.extend(seen.good);
            all.failed.extend(seen.failed);
            all.times.extend(seen.times);
            all.pages.extend(seen.pages);
            all.long += seen.long;
            all.connected += seen.connected;
        }
        all
    }
}

impl Seen {
    async fn ask(&mut self, request: reqwest::RequestBuilder, status: u16) -> Duration {
        let begin = Instant::now();
        match read(request).await {
            Ok(answer) if answer.status == status => self.good.push(answer.header("x-request-id").to_owned()),
            Ok(answer) => self.failed.push(format!("{} {}", answer.status, answer.body)),
            Err(error) => self.failed.push(format!("{error:?}")),
        }
        begin.elapsed()
    }
}

/// One kept connection.
async fn readers(stack: Stack, stop: Arc<AtomicBool>, pause: Duration) -> Seen {
    let (client, url, mut seen) = (stack.client(), format!("{}/api/v1/version", stack.url), Seen::default());
    let mut pace = interval(pause);
    // What was missed is made up for: the rate is what was asked for.
    pace.set_missed_tick_behavior(MissedTickBehavior::Burst);
    while !stop.load(Ordering::Relaxed) {
        pace.tick().await;
        let time = seen.ask(client.get(&url), 200).await;
        seen.times.push(time);
    }
    seen
}

/// Somebody who reads the board. One page is several questions to the backend.
async fn pages(stack: Stack, stop: Arc<AtomicBool>) -> Seen {
    let (client, url, mut seen) = (stack.client(), format!("{}/", stack.url), Seen::default());
    let mut pace = interval(PAGE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !stop.load(Ordering::Relaxed) {
        pace.tick().await;
        seen.ask(client.get(&url), 200).await;
    }
    seen.pages = std::mem::take(&mut seen.good);
    seen
}

/// Creates tasks while somebody holds the table for two seconds: the requests are under way in the old program when it has to go.
async fn writer(stack: Stack, stop: Arc<AtomicBool>) -> Seen {
    let (client, url, mut seen) = (stack.client(), format!("{}/api/v1/tasks", stack.url), Seen::default());
    while !stop.load(Ordering::Relaxed) {
        let holder = stack.clone();
        let hold = tokio::task::spawn_blocking(move || {
            holder.query("LOCK TABLE tasks IN EXCLUSIVE MODE; SELECT pg_sleep(2.2)");
        });
        while !stop.load(Ordering::Relaxed) && !hold.is_finished() {
            let time = seen.ask(client.post(&url).json(&serde_json::json!({ "title": "Splice the mainbrace" })), 201).await;
            seen.long += usize::from(time >= Duration::from_secs(2));
        }
        hold.await.unwrap();
    }
    seen
}

/// A live connection that is opened again whenever it ends, as pages do.
async fn listener(stack: Stack, stop: Arc<AtomicBool>, open: Arc<AtomicUsize>) -> Seen {
    let mut seen = Seen::default();
    while !stop.load(Ordering::Relaxed) {
        let mut request = format!("ws://{}/ws", stack.authority()).into_client_request().unwrap();
        request.headers_mut().extend(stack.skipper().await.headers());
        request.headers_mut().insert("origin", stack.url.parse().unwrap());
        let mut socket = match connect_async(request).await {
            Ok((socket, _)) => socket,
            Err(error) => {
                let body = match &error {
                    tungstenite::Error::Http(answer) => String::from_utf8_lossy(answer.body().as_deref().unwrap_or_default()).into_owned(),
                    _ => String::new(),
                };
                seen.failed.push(format!("a live connection: {error} {body}"));
                break;
            }
        };
        seen.connected += 1;
        open.fetch_add(1, Ordering::Relaxed);
        while !stop.load(Ordering::Relaxed) {
            match timeout(Duration::from_millis(200), socket.next()).await {
                Ok(Some(Ok(message))) if message.is_close() => break,
                Ok(Some(Err(_)) | None) => break,
                Ok(Some(Ok(_))) | Err(_) => {}
            }
        }
    }
    seen
}
