//! The board: the list of tasks, and the two forms on it. After a form that worked comes a redirect, so that loading the page again repeats nothing.

use axum::Form;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use minijinja::value::Serde;
use minijinja::{Value, context};
use serde::Deserialize;
use tracing::warn;

use super::failure::Failure;
use super::request_id::RequestId;
use super::{App, pages};
use crate::backend::{BackendError, Status};

/// Which part of a long list is shown.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Position {
    before: Option<String>,
}

/// The form that creates a task.
#[derive(Debug, Deserialize)]
pub(crate) struct NewTask {
    #[serde(default)]
    title: String,
}

/// `GET /`: the board.
pub(crate) async fn show(
    State(app): State<App>,
    id: RequestId,
    position: Result<Query<Position>, QueryRejection>,
) -> Result<Response, Failure> {
    // A query that cannot be read is treated like none: the board is what was asked for.
    let position = position.map(|Query(position)| position).unwrap_or_default();
    page(&app, &id, StatusCode::OK, &position, context! { draft => "", error => () }).await
}

/// `POST /tasks`: creates a task and shows it on the board.
pub(crate) async fn create(State(app): State<App>, id: RequestId, form: Result<Form<NewTask>, FormRejection>) -> Result<Response, Failure> {
    let Form(NewTask { title }) = form.map_err(|reason| Failure::BadForm(reason.status()))?;
    match app.0.backend.create(&title, &id.0).await {
        Ok(task) => Ok(Redirect::to(&format!("/#task-{}", task.id)).into_response()),
        Err(BackendError::Refused(reason)) => {
            let form = context! { draft => title, error => format!("The title {reason}.") };
            page(&app, &id, StatusCode::UNPROCESSABLE_ENTITY, &Position::default(), form).await
        }
        Err(reason) => Err(failure(reason, Some(&title))),
    }
}

/// `POST /tasks/{id}/complete`: marks a task as done.
pub(crate) async fn complete(State(app): State<App>, id: RequestId, Path(task): Path<String>) -> Result<Response, Failure> {
    app.0.backend.complete(&task, &id.0).await.map_err(|reason| failure(reason, None))?;
    Ok(Redirect::to("/").into_response())
}

/// `GET` at the address of a form, as when the page that answered it is loaded again: leads back to the board.
pub(crate) async fn back() -> Redirect {
    Redirect::to("/")
}

async fn page(app: &App, id: &RequestId, status: StatusCode, position: &Position, form: Value) -> Result<Response, Failure> {
    let backend = &app.0.backend;
    let (list, stats) = tokio::join!(backend.tasks(position.before.as_deref(), &id.0), backend.stats(&id.0));
    let draft = form.get_attr("draft").ok().filter(Value::is_true);
    let list = list.map_err(|reason| failure(reason, draft.as_ref().and_then(Value::as_str)))?;
    // The board is worth showing without its counts.
    let stats = stats.inspect_err(|reason| warn!("no counts: {reason}")).ok();
    let (open, done): (Vec<_>, Vec<_>) = list.tasks.iter().partition(|task| task.status == Status::Open);
    let whole = position.before.is_none() && list.next.is_none();
    // A list that is all here is its own count, exact at once; the worker's counts come a moment later, or not at all where no worker runs.
    let counts = match &stats {
        Some(stats) if !whole => context! { open => stats.open, done => stats.done },
        _ => context! { open => open.len(), done => done.len() },
    };
    let data = context! {
        open => Serde(open),
        done => Serde(done),
        counts,
        stats => Serde(stats),
        form,
        whole,
        first_page => position.before.is_none(),
        next => list.next,
    };
    pages::render(app, status, "board.html", data)
}

fn failure(reason: BackendError, draft: Option<&str>) -> Failure {
    warn!("{reason}");
    Failure::from_backend(reason, draft)
}
