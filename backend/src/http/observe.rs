//! What happens to every request: it gets an id, its log lines carry it, panics and problems become answers, and its end is logged and counted.
use super::error::Problem;
use super::request_id;
use crate::metrics::HttpMetrics;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use std::panic::AssertUnwindSafe;
use std::time::Instant;
use tracing::{Instrument, info_span};

/// Wraps a request. The outermost layer.
pub(super) async fn observe(State(metrics): State<HttpMetrics>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id::of(request.headers());
    let path = request.uri().path().to_owned();
    let underway = metrics.begin(request.method().as_str(), request.extensions().get::<MatchedPath>().map(MatchedPath::as_str));
    let span = info_span!("request", request_id = id, method = %request.method(), path);
    async {
        // The panic hook has logged the cause, with this span's fields.
        let answer = AssertUnwindSafe(next.run(request)).catch_unwind().await;
        let mut response = answer.unwrap_or_else(|_| Problem::internal().into_response());
        let problem = response.extensions_mut().remove::<Problem>();
        if let Some(problem) = &problem {
            *response.body_mut() = Body::from(problem.body(&path, &id));
            response.headers_mut().remove(axum::http::header::CONTENT_LENGTH);
        }
        if let Some(id) = request_id::header(&id) {
            response.headers_mut().insert(request_id::HEADER, id);
        }
        underway.answered(response.status().as_u16());
        let cause = problem.as_ref().and_then(Problem::cause);
        log(response.status(), &path, started.elapsed().as_secs_f64() * 1000.0, cause);
        response
    }
    .instrument(span)
    .await
}

fn log(status: StatusCode, path: &str, ms: f64, error: Option<&str>) {
    let ms = (ms * 10.0).round() / 10.0;
    let code = status.as_u16();
    if path.starts_with("/api/v1/health/") {
        // Asked several times a second during a start: would bury everything else.
        tracing::debug!(status = code, ms, "request");
    } else if status.is_server_error() {
        tracing::warn!(status = code, ms, error, "request");
    } else {
        tracing::info!(status = code, ms, "request");
    }
}
