//! What is running.
use super::state::App;
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

/// What is running
#[utoipa::path(get, path = "/api/v1/version", tag = "operations", responses((status = 200, body = Object)))]
pub(super) async fn show(State(app): State<App>) -> Json<Value> {
    Json(json!({ "name": "backend", "version": app.release.version, "revision": app.release.revision }))
}
