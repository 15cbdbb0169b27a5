//! What became of a check.

use std::time::Duration;

use serde_json::Value;

/// How a check failed. What is worse comes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Nobody answered who could have said anything about it.
    Unanswered,
    /// An answer, but not the right one.
    Wrong,
    /// The engine says so: no answer had to come through anything.
    Seen,
    /// The engine says that somebody stopped it: no other component is the reason for that.
    Stopped,
}

/// Why a check failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// How.
    pub(crate) kind: Kind,
    /// What a person reads of it.
    pub(crate) detail: String,
    /// When to ask again, where too much was asked at once.
    pub(crate) later: Option<Duration>,
}

impl Fault {
    /// Nobody answered.
    pub(crate) fn unanswered(detail: impl Into<String>) -> Self {
        Self { kind: Kind::Unanswered, detail: detail.into(), later: None }
    }

    /// The answer was wrong.
    pub(crate) fn wrong(detail: impl Into<String>) -> Self {
        Self { kind: Kind::Wrong, detail: detail.into(), later: None }
    }

    /// The engine says so.
    pub(crate) fn seen(detail: impl Into<String>) -> Self {
        Self { kind: Kind::Seen, detail: detail.into(), later: None }
    }

    /// The engine says that somebody stopped it.
    pub(crate) fn stopped(detail: impl Into<String>) -> Self {
        Self { kind: Kind::Stopped, detail: detail.into(), later: None }
    }
}

/// One check that was made.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// What it is called.
    pub(crate) name: String,
    /// What is broken if it failed.
    pub(crate) component: String,
    /// How long it took, with what was tried again.
    pub(crate) time: Duration,
    /// Why it failed, if it did.
    pub(crate) fault: Option<Fault>,
    /// What to do then, where the component says too little.
    pub(crate) hint: Option<String>,
}

/// An answer that can be captured from.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    /// Headers, in lower case; the last one of a name.
    pub(crate) headers: Vec<(String, String)>,
    /// The body as text.
    pub(crate) body: String,
    /// The body as JSON, if it is that.
    pub(crate) json: Option<Value>,
}

impl Answer {
    /// The header `name`.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().rev().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}
