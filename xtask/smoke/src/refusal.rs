//! What a person reads where nothing could be asked: what, why, and what to do.

use std::fmt;

/// A question that cannot be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    message: String,
    details: Vec<String>,
    hint: String,
}

impl Refusal {
    /// `message` names the object and the reason, without a full stop; `hint` is what to do.
    pub(crate) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), details: Vec::new(), hint: hint.into() }
    }

    /// With these lines under the message.
    pub(crate) fn with(mut self, details: impl IntoIterator<Item = String>) -> Self {
        self.details.extend(details);
        self
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)?;
        for detail in &self.details {
            write!(f, "\n  {detail}")?;
        }
        write!(f, "\n\nhint: {}", self.hint)
    }
}

impl std::error::Error for Refusal {}
