//! Forms with files (multipart/form-data), read as they come: nothing is collected, the sender has a least rate, and every part's head is bounded.
use super::error::Problem;
use super::pace::{self, TooSlow, paced};
use axum::BoxError;
use axum::body::Body;
use axum::extract::multipart::Field;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::{StatusCode, header};
use futures_util::StreamExt;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What may come before a part's contents: the rest of the part before, and the head. The parser would collect any amount of it.
const MAX_HEAD: usize = 128 * 1024;
/// The longest text of a part that is no file.
const MAX_TEXT: usize = 256;

/// A form, part by part.
pub(super) struct Form {
    multipart: Multipart,
    /// How much may come until there is a part; any amount while one is read.
    allowed: Arc<AtomicUsize>,
}

impl Form {
    /// Begins to read a form with a file of at most this size.
    pub(super) async fn begin(request: Request, max_bytes: u64) -> Result<Self, Problem> {
        let length = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if length.is_some_and(|length| length > max_bytes.saturating_add(MAX_HEAD as u64)) {
            return Err(too_large_for(max_bytes));
        }
        let allowed = Arc::new(AtomicUsize::new(MAX_HEAD));
        let (parts, body) = request.into_parts();
        let gate = allowed.clone();
        let body = paced(body.into_data_stream()).map(move |chunk| {
            let chunk = chunk?;
            let left = gate.load(Ordering::Relaxed);
            if left != usize::MAX {
                gate.store(left.checked_sub(chunk.len()).ok_or("the head of a part is too long")?, Ordering::Relaxed);
            }
            Ok::<_, BoxError>(chunk)
        });
        let request = Request::from_parts(parts, Body::from_stream(body));
        let multipart = Multipart::from_request(request, &()).await.map_err(|_| {
            Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "send the file as `multipart/form-data`, in a part with the name `file`")
        })?;
        Ok(Form { multipart, allowed })
    }

    /// The next part.
    pub(super) async fn next(&mut self) -> Result<Option<Field<'_>>, Problem> {
        self.allowed.store(MAX_HEAD, Ordering::Relaxed);
        let field = self.multipart.next_field().await.map_err(|error| unread(&error))?;
        self.allowed.store(usize::MAX, Ordering::Relaxed);
        Ok(field)
    }
}

/// The text of a short part.
pub(super) async fn text(mut field: Field<'_>) -> Result<String, Problem> {
    let mut bytes = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(|error| unread(&error))? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > MAX_TEXT {
            return Err(broken());
        }
    }
    String::from_utf8(bytes).map_err(|_| broken())
}

pub(super) fn too_large_for(max_bytes: u64) -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("a file may have {max_bytes} bytes at most"))
}

/// Why a form could not be read to its end.
pub(super) fn unread(error: &(dyn Error + 'static)) -> Problem {
    if TooSlow::is_behind(error) {
        let detail = format!(
            "the file came too slowly: {} KiB a second is the least, with pauses of {} seconds at most",
            pace::LEAST_RATE / 1024,
            pace::PATIENCE.as_secs()
        );
        Problem::new(StatusCode::REQUEST_TIMEOUT, detail)
    } else {
        broken().because(error)
    }
}

fn broken() -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "the form ends early, or is no form")
}
