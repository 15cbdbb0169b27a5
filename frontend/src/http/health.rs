//! What other programs ask this server about itself.

use std::sync::atomic::Ordering;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tracing::info;

use super::App;
use crate::backend::Caller;

/// This process answers.
pub(crate) async fn live() -> Response {
    answer(StatusCode::OK, json!({ "status": "ok" }))
}

/// The container's health check: ready once, then alive. Unhealthy until the backend has answered for the first time, so that whatever waits for the
/// frontend gets pages; from then on a backend that is away is the backend's matter, and this container is not restarted for it.
pub(crate) async fn container(State(app): State<App>, caller: Caller) -> Response {
    if app.0.backend_seen.load(Ordering::Relaxed) {
        return live().await;
    }
    match app.0.backend.live(&caller).await {
        Ok(()) => {
            if !app.0.backend_seen.swap(true, Ordering::Relaxed) {
                info!("the backend answers: ready");
            }
            live().await
        }
        Err(reason) => answer(StatusCode::SERVICE_UNAVAILABLE, json!({ "status": "waiting", "reason": reason.to_string() })),
    }
}

/// Whether the edited templates and assets make pages: the routes below `/health/` are not for visitors.
pub(crate) async fn site(State(app): State<App>) -> Response {
    if !app.0.config.template_reload {
        return answer(StatusCode::OK, json!({ "status": "ok", "reason": "templates are read at the start only" }));
    }
    match app.0.site.check() {
        Ok(()) => answer(StatusCode::OK, json!({ "status": "ok" })),
        Err(reasons) => (StatusCode::INTERNAL_SERVER_ERROR, [(CACHE_CONTROL, "no-store")], reasons).into_response(),
    }
}

/// What is running.
pub(crate) async fn version(State(app): State<App>) -> Response {
    let config = &app.0.config;
    answer(
        StatusCode::OK,
        json!({ "name": "frontend", "version": env!("CARGO_PKG_VERSION"), "revision": config.revision, "environment": config.environment }),
    )
}

fn answer(status: StatusCode, body: Value) -> Response {
    (status, [(CACHE_CONTROL, "no-store")], Json(body)).into_response()
}
