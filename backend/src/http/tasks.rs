//! Tasks: list, create, show, complete.
use super::error::{FieldError, Problem};
use super::json::{Json, Parameters};
use super::state::App;
use crate::live::Message;
use crate::tasks::{self, Completion, Cursor, MAX_LIST_LENGTH, Task, Title};
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

const DEFAULT_LIST_LENGTH: u32 = 100;

#[derive(Deserialize)]
pub(super) struct ListParameters {
    limit: Option<String>,
    before: Option<String>,
}

/// `{"tasks": [Task, …], "next": null | "cursor"}`: pass `next` as `before` for the following page.
#[derive(Serialize)]
pub(super) struct List {
    tasks: Vec<Task>,
    next: Option<String>,
}

/// `{"title": "Buy milk"}`
#[derive(Deserialize)]
pub(super) struct CreateTask {
    title: String,
}

/// `GET /api/v1/tasks?limit=&before=`
pub(super) async fn list(State(app): State<App>, Parameters(parameters): Parameters<ListParameters>) -> Result<axum::Json<List>, Problem> {
    let limit = match parameters.limit {
        None => DEFAULT_LIST_LENGTH,
        Some(text) => match text.parse() {
            Ok(limit @ 1..=MAX_LIST_LENGTH) => limit,
            _ => return Err(Problem::bad_parameter("limit", format!("must be a number from 1 to {MAX_LIST_LENGTH}"))),
        },
    };
    let after = match parameters.before.as_deref() {
        None | Some("") => None,
        Some(text) => match Cursor::parse(text) {
            Some(cursor) => Some(cursor),
            None => return Err(Problem::bad_parameter("before", "must be the `next` of another page")),
        },
    };
    let page = tasks::list(&app.database, limit, after).await?;
    Ok(axum::Json(List { tasks: page.tasks, next: page.next.map(Cursor::text) }))
}

/// `POST /api/v1/tasks`
pub(super) async fn create(State(app): State<App>, Json(body): Json<CreateTask>) -> Result<impl IntoResponse, Problem> {
    let title = Title::parse(&body.title).map_err(|detail| Problem::invalid(vec![FieldError { field: "title", detail: detail.into() }]))?;
    let task = tasks::create(&app.database, &title).await?;
    app.publisher.publish(&Message::task(task.clone()));
    let location = format!("/api/v1/tasks/{}", task.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], axum::Json(task)))
}

/// `GET /api/v1/tasks/{id}`
pub(super) async fn show(State(app): State<App>, Path(id): Path<String>) -> Result<axum::Json<Task>, Problem> {
    tasks::get(&app.database, parse(&id)?).await?.map(axum::Json).ok_or_else(missing)
}

/// `POST /api/v1/tasks/{id}/complete`
pub(super) async fn complete(State(app): State<App>, Path(id): Path<String>) -> Result<axum::Json<Task>, Problem> {
    match tasks::complete(&app.database, parse(&id)?).await?.ok_or_else(missing)? {
        Completion::Unchanged(task) => Ok(axum::Json(task)),
        Completion::Changed(task) => {
            app.publisher.publish(&Message::task(task.clone()));
            Ok(axum::Json(task))
        }
    }
}

fn parse(id: &str) -> Result<Uuid, Problem> {
    id.parse().map_err(|_| missing())
}

fn missing() -> Problem {
    Problem::not_found("there is no task with this id")
}
