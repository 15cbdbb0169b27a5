//! What is running.
use super::state::App;
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

/// `GET /api/v1/version`: `{"name": "backend", "version": "0.1.0", "revision": null}`
pub(super) async fn show(State(app): State<App>) -> Json<Value> {
    Json(json!({ "name": "backend", "version": app.release.version, "revision": app.release.revision }))
}
