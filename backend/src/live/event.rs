//! An event on its way: its place in the order of all events, whom it is meant for, and what browsers get.
use super::Message;
use crate::tasks::Task;
use axum::extract::ws::Utf8Bytes;
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;
use uuid::Uuid;

/// The place of an event in the stream: milliseconds of Redis' clock, and a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventId(u64, u64);

impl EventId {
    /// Reads the form `1732185600000-0`.
    pub fn parse(text: &str) -> Option<Self> {
        let (ms, number) = text.split_once('-')?;
        Some(EventId(ms.parse().ok()?, number.parse().ok()?))
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0, self.1)
    }
}

impl Serialize for EventId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Whom an event is meant for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// Everybody who is signed in.
    Everyone,
    /// These accounts.
    Users(Vec<Uuid>),
    /// Everybody else.
    Except(Vec<Uuid>),
}

impl Audience {
    /// Who may see a task.
    pub fn of(task: &Task) -> Self {
        if task.private { Audience::Users(task.involved()) } else { Audience::Everyone }
    }

    /// Who saw a task before a change and no longer may. Nobody else is to learn of it.
    pub fn lost(before: &Task, task: &Task) -> Self {
        let remain = task.involved();
        match (before.private, task.private) {
            (_, false) => Audience::Users(Vec::new()),
            (false, true) => Audience::Except(remain),
            (true, true) => Audience::Users(before.involved().into_iter().filter(|user| !remain.contains(user)).collect()),
        }
    }

    /// Whether it is meant for no one.
    pub fn is_nobody(&self) -> bool {
        matches!(self, Audience::Users(users) if users.is_empty())
    }

    fn contains(&self, user: Uuid) -> bool {
        match self {
            Audience::Everyone => true,
            Audience::Users(users) => users.contains(&user),
            Audience::Except(users) => !users.contains(&user),
        }
    }
}

/// What every server process gets to know.
#[derive(Debug)]
pub struct Event {
    /// Its place in the order; none if it is of this process only.
    pub id: Option<EventId>,
    audience: Audience,
    /// What browsers get.
    pub text: Utf8Bytes,
}

#[derive(Serialize, Deserialize)]
struct Envelope {
    to: Audience,
    message: Box<serde_json::value::RawValue>,
}

/// A message with its audience, as it goes through Redis.
pub(super) fn envelope(message: &Message, to: &Audience) -> String {
    format!(r#"{{"to":{},"message":{}}}"#, serde_json::to_string(to).unwrap_or_default(), message.text())
}

impl Event {
    /// An event of this process, for everybody.
    pub(super) fn local(message: &Message) -> Self {
        Event { id: None, audience: Audience::Everyone, text: message.text() }
    }

    /// Reads an event that went through Redis.
    pub(super) fn read(id: &str, envelope: &str) -> Option<Self> {
        let id = EventId::parse(id)?;
        let Envelope { to, message } = serde_json::from_str(envelope).ok()?;
        let text = format!(r#"{{"event_id":"{id}",{}"#, message.get().strip_prefix('{')?);
        Some(Event { id: Some(id), audience: to, text: text.into() })
    }

    /// The stream that belongs to a channel.
    pub(super) fn stream(channel: &str) -> String {
        format!("{channel}:events")
    }

    /// Whether somebody may get it.
    pub fn is_for(&self, user: Uuid) -> bool {
        self.audience.contains(user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_survive_the_way_through_redis() {
        let (ada, bob) = (Uuid::now_v7(), Uuid::now_v7());
        let event = Event::read("17-2", &envelope(&Message::Resync, &Audience::Except(vec![ada]))).unwrap();
        assert_eq!(event.text.as_str(), r#"{"event_id":"17-2","type":"resync"}"#);
        assert!(!event.is_for(ada) && event.is_for(bob));
        for (id, envelope) in [("17", "{}"), ("17-2", "{}"), ("17-2", r#"{"to":"everyone","message":1}"#)] {
            assert!(Event::read(id, envelope).is_none(), "{envelope}");
        }
    }

    #[test]
    fn events_are_ordered_by_number_not_by_text() {
        assert!(EventId::parse("9-0") < EventId::parse("10-0") && EventId::parse("9-9") < EventId::parse("9-10"));
        assert_eq!(EventId::parse("-1"), None);
    }
}
