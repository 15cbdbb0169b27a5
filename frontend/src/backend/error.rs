//! Why the backend did not do what was asked, as its problem documents (RFC 9457) and the network tell it.

use std::collections::BTreeMap;

use reqwest::StatusCode;
use serde::Deserialize;

/// Why the backend did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// It cannot be reached, or says that it cannot work now.
    #[error("the backend is away: {0}")]
    Away(String),
    /// It was reached and did not answer in time. What was asked may have been done.
    #[error("the backend did not answer in time: {0}")]
    Slow(String),
    /// It wants to know who asks.
    #[error("the backend knows no session")]
    SignedOut,
    /// It does not let this caller do this: nearly always a form of an earlier session.
    #[error("the backend forbids it: {0}")]
    Forbidden(String),
    /// It refuses what was entered.
    #[error("the backend refuses the input: {0}")]
    Refused(Refusal),
    /// The thing is not any more what the caller has seen.
    #[error("the version is not the current one")]
    Changed,
    /// It does not know the thing that was named.
    #[error("the backend does not know this")]
    NotFound,
    /// It wants fewer requests, after so many seconds.
    #[error("the backend wants fewer requests")]
    TooMany(Option<u16>),
    /// It answered something that this program does not understand.
    #[error("unexpected answer of the backend: {0}")]
    Unexpected(String),
}

/// What is wrong with what was entered.
#[derive(Debug, Clone, Default)]
pub struct Refusal {
    /// The status of the answer.
    pub status: StatusCode,
    /// What is wrong in general.
    pub detail: String,
    /// Fragments of sentences such as `must not be empty`, by field.
    pub fields: BTreeMap<String, String>,
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "{}", self.detail)?;
        self.fields.iter().try_for_each(|(field, detail)| write!(to, ", {field} {detail}"))
    }
}

#[derive(Default, Deserialize)]
struct Problem {
    detail: Option<String>,
    #[serde(default)]
    errors: Vec<FieldProblem>,
}

#[derive(Deserialize)]
struct FieldProblem {
    field: String,
    detail: String,
}

impl BackendError {
    /// Reads an answer that is not a success.
    pub(super) fn from_answer(status: StatusCode, retry_after: Option<u16>, body: &[u8]) -> Self {
        let problem = serde_json::from_slice::<Problem>(body).unwrap_or_default();
        let detail = problem.detail.unwrap_or_else(|| format!("status {status}"));
        match status {
            StatusCode::UNAUTHORIZED => Self::SignedOut,
            StatusCode::FORBIDDEN => Self::Forbidden(detail),
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::PRECONDITION_FAILED => Self::Changed,
            StatusCode::TOO_MANY_REQUESTS => Self::TooMany(retry_after),
            StatusCode::GATEWAY_TIMEOUT => Self::Slow(detail),
            StatusCode::BAD_REQUEST
            | StatusCode::REQUEST_TIMEOUT
            | StatusCode::CONFLICT
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::UNSUPPORTED_MEDIA_TYPE
            | StatusCode::UNPROCESSABLE_ENTITY => {
                let fields = problem.errors.into_iter().map(|error| (error.field, error.detail)).collect();
                Self::Refused(Refusal { status, detail, fields })
            }
            status if status.is_server_error() => Self::Away(detail),
            _ => Self::Unexpected(format!("{status}: {detail}")),
        }
    }
}

impl From<reqwest::Error> for BackendError {
    fn from(error: reqwest::Error) -> Self {
        // The text of a transport error stops at "error sending request": the reason is in its sources.
        let mut reason = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            reason = format!("{reason}: {cause}");
            source = cause.source();
        }
        if error.is_timeout() && !error.is_connect() { Self::Slow(reason) } else { Self::Away(reason) }
    }
}
