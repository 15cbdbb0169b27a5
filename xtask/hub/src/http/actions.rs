//! Actions over HTTP: a question, and the answer of `cargo xtask dev` when it has done what was asked for.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use crate::store::{Outcome, Refusal, Store};

/// How long an action may take before whoever asked is told to look elsewhere.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is asked for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    name: String,
    service: Option<String>,
}

pub(super) async fn run(State(store): State<Arc<Store>>, Json(wish): Json<Wish>) -> Response {
    let waiting = match store.begin(&wish.name, wish.service.as_deref()) {
        Ok(waiting) => waiting,
        Err(refusal) => return refusal.into_response(),
    };
    match tokio::time::timeout(PATIENCE, waiting).await {
        Ok(Ok(Outcome { ok, text })) => answer(StatusCode::OK, ok, &text),
        Ok(Err(_)) => answer(StatusCode::BAD_GATEWAY, false, "`cargo xtask dev` ended before it answered"),
        Err(_) => answer(StatusCode::GATEWAY_TIMEOUT, false, "there was no answer within 60 s; what goes on is shown by `cargo xtask dev`"),
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::Detached => answer(StatusCode::SERVICE_UNAVAILABLE, false, "`cargo xtask dev` is not attached; start it to do this"),
            Self::Unknown(reason) => answer(StatusCode::NOT_FOUND, false, &reason),
            Self::Busy => answer(StatusCode::TOO_MANY_REQUESTS, false, "too much goes on; try again when it is done"),
        }
    }
}

fn answer(status: StatusCode, ok: bool, text: &str) -> Response {
    (status, [(CACHE_CONTROL, "no-store")], Json(json!({ "ok": ok, "text": text }))).into_response()
}
