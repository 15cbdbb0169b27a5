//! Live updates: whoever changes something publishes an event in Redis, every server process subscribes once and passes it on to its browsers.
//!
//! Events are hints, the database is the truth: when some may have been missed, clients are told to fetch again. The last events also lie in a stream, so
//! that a client that was away for a moment gets just what it missed.
mod event;
mod publisher;
mod subscriber;

pub use self::event::{Audience, Event, EventId};
pub use self::publisher::{Publisher, Publishing};
pub use self::subscriber::{missed, subscribe};

use crate::stats::BoardStats;
use crate::tasks::Task;
use axum::extract::ws::Utf8Bytes;
use serde::Serialize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::broadcast;
use uuid::Uuid;

/// What clients receive over `/ws`, one JSON object in each text frame. Events that went through Redis also have an `event_id`.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Message {
    /// `{"type": "hello", "version": "0.1.0", "revision": null, "last_event_id": "1732-0", "resumed": false}`: the first message; events flow from here
    /// on. If it is not `resumed`, fetch lists after it.
    Hello {
        /// The server's version.
        version: &'static str,
        /// The server's commit, if known.
        revision: Option<String>,
        /// What to name as the last event until there is another.
        last_event_id: Option<EventId>,
        /// Whether everything after the event that the client named follows.
        resumed: bool,
    },
    /// `{"type": "task", "task": {…}}`: the task was created or changed. Ignore it if its `version` is not greater than the known one.
    Task {
        /// The task as it is now.
        task: Box<Task>,
    },
    /// `{"type": "task_gone", "id": "…"}`: the task was deleted, or is none of the client's any more.
    TaskGone {
        /// The task's id.
        id: Uuid,
    },
    /// `{"type": "attachments", "id": "…"}`: files were attached to the task or removed, fetch them.
    Attachments {
        /// The task's id.
        id: Uuid,
    },
    /// `{"type": "export", "export": {…}}`: an export of the client's made progress.
    Export {
        /// The export as it is now.
        export: serde_json::Value,
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
    /// The message as JSON.
    pub fn text(&self) -> Utf8Bytes {
        // Only maps with keys that are no strings and failing `Serialize` implementations cannot be written; there are none here.
        serde_json::to_string(self).unwrap_or_default().into()
    }
}

/// Passes events to the sockets of this process.
#[derive(Debug, Clone)]
pub struct Hub {
    sender: broadcast::Sender<Arc<Event>>,
    away: Arc<AtomicBool>,
    last: Arc<Mutex<Option<EventId>>>,
}

/// How far a socket may fall behind before it is told to fetch again.
const BACKLOG: usize = 256;

impl Default for Hub {
    fn default() -> Self {
        Hub { sender: broadcast::channel(BACKLOG).0, away: Arc::default(), last: Arc::default() }
    }
}

impl Hub {
    /// Passes an event to all sockets that it is meant for.
    pub fn send(&self, event: Event) {
        if event.id.is_some() {
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = event.id;
        }
        // An error means that nobody listens.
        let _ = self.sender.send(Arc::new(event));
    }

    /// Tells all sockets, and those that come, that messages are not received.
    pub fn lose(&self) {
        if !self.away.swap(true, Ordering::SeqCst) {
            self.send(Event::local(&Message::Away));
        }
    }

    /// Tells all sockets that messages are received from now on, after the given event, and that some may have been missed.
    pub fn regain(&self, last: Option<EventId>) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = last;
        self.away.store(false, Ordering::SeqCst);
        self.send(Event::local(&Message::Resync));
    }

    /// Messages are not received now. Whoever subscribes first and asks then learns of every change.
    pub fn is_away(&self) -> bool {
        self.away.load(Ordering::SeqCst)
    }

    /// The last event that was passed on.
    pub fn last(&self) -> Option<EventId> {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Receives all events from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.sender.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_tagged_objects() {
        let last_event_id = EventId::parse("7-1");
        let hello = Message::Hello { version: "1.2.3", revision: None, last_event_id, resumed: true };
        assert_eq!(hello.text().as_str(), r#"{"type":"hello","version":"1.2.3","revision":null,"last_event_id":"7-1","resumed":true}"#);
        assert_eq!(Message::Resync.text().as_str(), r#"{"type":"resync"}"#);
        assert_eq!(
            Message::TaskGone { id: Uuid::nil() }.text().as_str(),
            r#"{"type":"task_gone","id":"00000000-0000-0000-0000-000000000000"}"#
        );
    }

    #[test]
    fn a_loss_is_told_once() {
        let hub = Hub::default();
        let mut updates = hub.subscribe();
        assert!(!hub.is_away());
        hub.lose();
        hub.lose();
        assert!(hub.is_away());
        hub.regain(EventId::parse("3-0"));
        assert!(!hub.is_away());
        assert_eq!(hub.last(), EventId::parse("3-0"));
        assert_eq!(updates.try_recv().unwrap().text, Message::Away.text());
        assert_eq!(updates.try_recv().unwrap().text, Message::Resync.text());
        assert!(updates.is_empty());
    }
}
