//! Events as browsers get them: made once, sent to all.

use axum::body::Bytes;
use serde::Serialize;

/// A server-sent event, ready to be sent. A copy shares its bytes.
#[derive(Clone, Debug)]
pub(crate) struct Event(pub(crate) Bytes);

impl Event {
    pub(crate) fn new(name: &str, data: &impl Serialize) -> Self {
        // Compact JSON has no line ends, which would end the event. Everything that is sent has string keys, which is all that JSON asks for.
        let data = serde_json::to_string(data).unwrap_or_else(|error| format!("\"{error}\""));
        Self(format!("event: {name}\ndata: {data}\n\n").into())
    }

    /// A comment: it keeps the connection alive and shows who is gone.
    pub(crate) fn heartbeat() -> Self {
        Self(Bytes::from_static(b": alive\n\n"))
    }
}
