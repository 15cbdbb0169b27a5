//! Forms for the files of a task. They are read through `/media/`, which the backend answers.

use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use serde::Deserialize;

use super::App;
use super::failure::Failure;
use super::form::{Sent, go_on};
use super::task::{Notes, page};
use crate::backend::{BackendError, Caller};

/// The form that removes a file: which task it was of.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct OfTask {
    task: String,
}

/// `POST /tasks/{id}/attachments`: passes a file on to the backend as it arrives; the backend also finds the form's token in it.
pub(crate) async fn upload(State(app): State<App>, Path(id): Path<String>, caller: Caller, request: Request) -> Result<Response, Failure> {
    let (parts, body) = request.into_parts();
    match app.0.backend.attach(&id, &parts.headers, body, &caller).await {
        Ok(_) => Ok(go_on(&format!("/tasks/{id}#attachments")).into_response()),
        Err(BackendError::Refused(refusal)) => page(&app, &caller, &id, Notes { upload: Some(refusal), ..Notes::default() }).await,
        Err(reason) => Err(reason.into()),
    }
}

/// `POST /attachments/{id}/delete`.
pub(crate) async fn delete(
    State(app): State<App>,
    Path(id): Path<String>,
    Sent { caller, fields }: Sent<OfTask>,
) -> Result<Redirect, Failure> {
    app.0.backend.detach(&id, &caller).await?;
    Ok(go_on(&format!("/tasks/{}#attachments", fields.task)))
}
