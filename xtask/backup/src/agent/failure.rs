//! Errors as they are told: what, why, and what to do.

use std::fmt;

use backup::Event;

use super::lifeline::Gone;

/// Something that a person can act on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    message: String,
    details: Vec<String>,
    hints: Vec<String>,
}

impl Failure {
    /// `message` names the object and the reason, without a full stop.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), details: Vec::new(), hints: Vec::new() }
    }

    /// With another message; the one before becomes a line of why.
    pub(crate) fn told_as(mut self, message: impl Into<String>) -> Self {
        let before = std::mem::replace(&mut self.message, message.into());
        self.details.insert(0, before);
        self
    }

    /// Adds a line of why.
    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.details.push(detail.into());
        self
    }

    /// Adds what to do.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.details.iter().try_for_each(|detail| write!(f, "; {detail}"))
    }
}

impl std::error::Error for Failure {}

/// `error`, with the word that nothing was changed where a person can act on it.
pub(crate) fn unchanged(error: anyhow::Error) -> anyhow::Error {
    const WORD: &str = "nothing was changed";
    match error.downcast::<Failure>() {
        Ok(failure) if failure.details.iter().any(|detail| detail == WORD) => failure.into(),
        Ok(failure) => failure.detail(WORD).into(),
        Err(error) => error,
    }
}

/// `error` told as `message`; what it says becomes a line of why.
pub(crate) fn explain(error: anyhow::Error, message: &str) -> anyhow::Error {
    match error.downcast::<Failure>() {
        Ok(failure) => failure.told_as(message).into(),
        Err(error) if error.is::<Gone>() => error,
        Err(error) => Failure::new(message).detail(error.to_string()).into(),
    }
}

/// What is said of `error`.
pub(crate) fn event(error: &anyhow::Error) -> Event {
    if error.is::<Gone>() {
        return Event::Failed { message: error.to_string(), details: Vec::new(), hints: Vec::new() };
    }
    if let Some(Failure { message, details, hints }) = error.downcast_ref().cloned() {
        return Event::Failed { message, details, hints };
    }
    let mut failure = Failure::new(error.to_string());
    for cause in error.chain().skip(1) {
        failure = failure.detail(cause.to_string());
    }
    if error
        .chain()
        .any(|cause| cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::StorageFull))
    {
        failure = failure.hint("make room there, or let `backup.directory` name another place");
    }
    Event::Failed { message: failure.message, details: failure.details, hints: failure.hints }
}
