//! Live updates: whoever changes something publishes a message in Redis, every server process subscribes once and passes it on to its browsers.
//!
//! Messages are hints, the database is the truth: when some may have been missed, clients are told to fetch again.
mod publisher;
mod subscriber;

pub use self::publisher::{Publisher, Publishing};
pub use self::subscriber::subscribe;

use crate::stats::BoardStats;
use crate::tasks::Task;
use axum::extract::ws::Utf8Bytes;
use serde::Serialize;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::broadcast;
use uuid::Uuid;

/// What clients receive over `/ws`, one JSON object in each text frame.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Message {
    /// `{"type": "hello", "version": "0.1.0", "revision": null}`: the first message; updates flow from here on, so fetch lists after it.
    Hello {
        /// The server's version.
        version: &'static str,
        /// The server's commit, if known.
        revision: Option<String>,
    },
    /// `{"type": "task", "id": "…", "task": {…}}`: the task was created or changed. Ignore it if its `version` is not greater than the known one.
    Task {
        /// The task's id.
        id: Uuid,
        /// The task as it is now.
        task: Task,
    },
    /// `{"type": "stats", "stats": {…}}`: the figures changed. Ignore them if their `updated_at` is older than the known one.
    Stats {
        /// The figures as they are now.
        stats: BoardStats,
    },
    /// `{"type": "resync"}`: messages may have been missed and flow from here on, fetch everything again.
    Resync,
    /// `{"type": "away"}`: messages are not received, until the next `resync`.
    Away,
}

impl Message {
    /// A task that was created or changed.
    pub fn task(task: Task) -> Self {
        Message::Task { id: task.id, task }
    }

    /// The message as JSON.
    pub fn text(&self) -> Utf8Bytes {
        // Only maps with keys that are no strings and failing `Serialize` implementations cannot be written; there are none here.
        serde_json::to_string(self).unwrap_or_default().into()
    }
}

/// Passes messages to the sockets of this process.
#[derive(Debug, Clone)]
pub struct Hub {
    sender: broadcast::Sender<Utf8Bytes>,
    away: Arc<AtomicBool>,
}

/// How far a socket may fall behind before it is told to fetch again.
const BACKLOG: usize = 256;

impl Default for Hub {
    fn default() -> Self {
        Hub { sender: broadcast::channel(BACKLOG).0, away: Arc::default() }
    }
}

impl Hub {
    /// Passes a message to all sockets.
    pub fn send(&self, text: Utf8Bytes) {
        // An error means that nobody listens.
        let _ = self.sender.send(text);
    }

    /// Tells all sockets, and those that come, that messages are not received.
    pub fn lose(&self) {
        if !self.away.swap(true, Ordering::SeqCst) {
            self.send(Message::Away.text());
        }
    }

    /// Tells all sockets that messages are received from now on, and that some may have been missed.
    pub fn regain(&self) {
        self.away.store(false, Ordering::SeqCst);
        self.send(Message::Resync.text());
    }

    /// Messages are not received now. Whoever subscribes first and asks then learns of every change.
    pub fn is_away(&self) -> bool {
        self.away.load(Ordering::SeqCst)
    }

    /// Receives all messages from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Utf8Bytes> {
        self.sender.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_tagged_objects() {
        let hello = Message::Hello { version: "1.2.3", revision: None };
        assert_eq!(hello.text().as_str(), r#"{"type":"hello","version":"1.2.3","revision":null}"#);
        assert_eq!(Message::Resync.text().as_str(), r#"{"type":"resync"}"#);
        assert_eq!(Message::Away.text().as_str(), r#"{"type":"away"}"#);
    }

    #[test]
    fn a_loss_is_told_once() {
        let hub = Hub::default();
        let mut updates = hub.subscribe();
        assert!(!hub.is_away());
        hub.lose();
        hub.lose();
        assert!(hub.is_away());
        hub.regain();
        assert!(!hub.is_away());
        assert_eq!(updates.try_recv(), Ok(Message::Away.text()));
        assert_eq!(updates.try_recv(), Ok(Message::Resync.text()));
        assert!(updates.is_empty());
    }
}
