//! Health: alive, ready, and what the container's health check asks.
use super::state::App;
use crate::health::{self, Report};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

/// `GET /api/v1/health/`: the process answers.
pub(super) async fn live() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// `GET /api/v1/health/ready`: everything it depends on is there.
/// `{"status": "ready" | "unready", "checks": {"database": {"ok": true, "ms": 1}, "redis": {…}, "migrations": {"ok": true, "ms": 1, "applied": 2, "pending": 0}}}`
pub(super) async fn ready(State(app): State<App>) -> Response {
    answer(health::report(&app.database, &app.redis).await)
}

/// `GET /api/v1/health/container`: ready once, then alive. A container that was ready is not restarted because a dependency is away;
/// a restarted process has to be ready again.
pub(super) async fn container(State(app): State<App>) -> Response {
    if app.was_ready.load(Ordering::Relaxed) {
        return live().await.into_response();
    }
    let report = health::report(&app.database, &app.redis).await;
    if report.is_ready() && !app.was_ready.swap(true, Ordering::Relaxed) {
        tracing::info!("ready");
    }
    answer(report)
}

fn answer(report: Report) -> Response {
    let status = if report.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(report)).into_response()
}
