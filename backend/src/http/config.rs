//! Runtime configuration of the frontend, so that one image serves every environment.
use super::state::App;
use crate::accounts::MAX_NAME_LENGTH;
use crate::attachments::MAX_PER_TASK;
use crate::passwords;
use crate::tasks::{MAX_LIST_LENGTH, MAX_NOTES_LENGTH, MAX_QUERY_LENGTH, MAX_TITLE_LENGTH};
use axum::Json;
use axum::extract::State;
use serde_json::{Value, json};

/// Runtime configuration of the frontend
#[utoipa::path(get, path = "/api/v1/config/frontend/", tag = "operations", responses((status = 200, body = Object)))]
pub(super) async fn frontend(State(app): State<App>) -> Json<Value> {
    Json(json!({
        "environment": app.release.environment,
        "version": app.release.version,
        "revision": app.release.revision,
        "live_updates_path": "/ws",
        "limits": {
            "task_title_length": MAX_TITLE_LENGTH,
            "task_notes_length": MAX_NOTES_LENGTH,
            "task_list_length": MAX_LIST_LENGTH,
            "search_length": MAX_QUERY_LENGTH,
            "name_length": MAX_NAME_LENGTH,
            "password_min_length": passwords::MIN_LENGTH,
            "password_max_length": passwords::MAX_LENGTH,
            "attachment_bytes": app.media.max_attachment_bytes,
            "attachments_per_task": MAX_PER_TASK,
        },
    }))
}
