//! The stream of events. A browser that does not keep up is dropped: it comes back by itself and is told everything anew.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use serde::Deserialize;
use tokio::sync::{broadcast, watch};
use tokio::time::{Instant, Interval, interval_at};

use crate::store::Store;
use crate::store::events::Event;

/// How many browsers there are at once. A browser needs one connection for all its tabs, and each open dashboard one more.
const BROWSERS: usize = 64;

/// How often something is sent when nothing happens.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How many log lines one event has at most.
const LINES: usize = 2000;

/// What a browser wants to hear of.
#[derive(Deserialize)]
pub(super) struct Wish {
    /// `1`: log lines, too.
    logs: Option<String>,
}

/// Where one browser stands.
struct Listener {
    store: Arc<Store>,
    /// What it has not been sent of what was known when it came.
    first: VecDeque<Event>,
    events: broadcast::Receiver<Event>,
    heartbeat: Interval,
    /// The number of the next log line, if it wants them. They wait in the store, not here: who is slow misses some and is told how many.
    logs: Option<(u64, watch::Receiver<u64>)>,
}

pub(super) async fn stream(State(store): State<Arc<Store>>, Query(wish): Query<Wish>) -> Response {
    let logs = (wish.logs.as_deref() == Some("1")).then(|| (0, store.lines()));
    let (first, events) = store.listen();
    if store.browsers() > BROWSERS {
        let reason = "too many browsers follow the events; close some tabs\n";
        return (StatusCode::SERVICE_UNAVAILABLE, reason).into_response();
    }
    let heartbeat = interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
    let listener = Listener { store, first: first.into(), events, heartbeat, logs };
    let body = stream::unfold(listener, |mut listener| async move {
        let bytes = listener.next().await?;
        Some((Ok::<Bytes, Infallible>(bytes), listener))
    });
    // nginx buffers nothing of an answer that says so.
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
    (headers, [("x-accel-buffering", "no")], Body::from_stream(body)).into_response()
}

impl Listener {
    /// What is sent next; nothing when the browser is too far behind.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(event) = self.first.pop_front() {
            return Some(event.0);
        }
        tokio::select! {
            // Events first: they are few, and logs may never pause.
            biased;
            event = self.events.recv() => event.ok().map(|event| event.0),
            batch = lines(&self.store, &mut self.logs) => Some(batch.0),
            _ = self.heartbeat.tick() => Some(Event::heartbeat().0),
        }
    }
}

/// The next log lines, as soon as there are some; never, if nobody wants them.
async fn lines(store: &Store, logs: &mut Option<(u64, watch::Receiver<u64>)>) -> Event {
    let Some((next, news)) = logs else { return std::future::pending().await };
    loop {
        // Before looking, so that a line that comes meanwhile is noticed.
        news.mark_unchanged();
        if let Some((event, following)) = store.lines_from(*next, LINES) {
            *next = following;
            return event;
        }
        if news.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}
