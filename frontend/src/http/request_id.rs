//! The request id: taken from the proxy or made here, passed to the backend, written in every log line and answer.

use std::time::Instant;

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tracing::{Instrument as _, debug, info, info_span};

const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The id of the request that is being answered.
#[derive(Debug, Clone)]
pub(crate) struct RequestId(pub(crate) String);

impl<S: Sync> FromRequestParts<S> for RequestId {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(parts.extensions.get().cloned().unwrap_or_else(Self::new))
    }
}

impl RequestId {
    fn new() -> Self {
        Self(uuid::Uuid::new_v4().simple().to_string())
    }

    /// An id from outside is used only when it cannot confuse a reader of logs.
    fn accept(value: &HeaderValue) -> Option<Self> {
        let text = value.to_str().ok()?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        ((8..=64).contains(&text.len()) && text.bytes().all(plain)).then(|| Self(text.to_owned()))
    }
}

/// Gives every request an id and every answer a log line.
pub(crate) async fn log(mut request: Request, next: Next) -> Response {
    let id = request.headers().get(HEADER).and_then(RequestId::accept).unwrap_or_else(RequestId::new);
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    request.extensions_mut().insert(id.clone());
    let span = info_span!("request", request_id = id.0, method = method.as_str(), path);
    async {
        let start = Instant::now();
        let mut response = next.run(request).await;
        let status = response.status().as_u16();
        let ms = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
        // Probes ask many times a minute for as long as the service runs.
        if path.starts_with("/health") {
            debug!(status, ms, "request");
        } else {
            info!(status, ms, "request");
        }
        if let Ok(value) = HeaderValue::from_str(&id.0) {
            response.headers_mut().insert(HEADER, value);
        }
        response
    }
    .instrument(span)
    .await
}
