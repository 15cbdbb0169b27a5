//! Runtime configuration of the frontend, so that one image serves every environment.
use super::state::App;
use crate::tasks::{MAX_LIST_LENGTH, MAX_TITLE_LENGTH};
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

/// `GET /api/v1/config/frontend/`: `{"environment": "local", "version": "0.1.0", "revision": null, "live_updates_path": "/ws",
/// "limits": {"task_title_length": 200, "task_list_length": 200}}`
pub(super) async fn frontend(State(app): State<App>) -> Json<Value> {
    Json(json!({
        "environment": app.release.environment,
        "version": app.release.version,
        "revision": app.release.revision,
        "live_updates_path": "/ws",
        "limits": { "task_title_length": MAX_TITLE_LENGTH, "task_list_length": MAX_LIST_LENGTH },
    }))
}
