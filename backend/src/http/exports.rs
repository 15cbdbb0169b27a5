//! Exports: ask for one, look how far it is, get it.
use super::attachments::sent;
use super::auth::Signed;
use super::error::Problem;
use super::idempotent::{self, Answer, IdempotencyKey};
use super::json::Id;
use super::openapi::Refusals;
use super::state::App;
use crate::exports::{self, Export, MAX_UNFINISHED};
use crate::media::Shelf;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// The last twenty exports, the last one first.
#[derive(Serialize, ToSchema)]
pub(super) struct ExportList {
    exports: Vec<Export>,
}

/// List your exports
#[utoipa::path(get, path = "/api/v1/exports", tag = "files", responses((status = 200, body = ExportList), Refusals))]
pub(super) async fn list(State(app): State<App>, signed: Signed) -> Result<Json<ExportList>, Problem> {
    Ok(Json(ExportList { exports: exports::list(&app.database, signed.user.id).await? }))
}

/// Ask for a file with all tasks that you may see
#[utoipa::path(post, path = "/api/v1/exports", tag = "files", params(IdempotencyKey),
    responses((status = 202, body = Export, headers(("Location", description = "The address of the export"))), Refusals))]
pub(super) async fn create(State(app): State<App>, signed: Signed, key: IdempotencyKey) -> Result<Response, Problem> {
    let key = key.of(signed.user.id, "POST /api/v1/exports", &())?;
    let mut transaction = app.database.begin().await?;
    let answer = match idempotent::claim(&mut transaction, key.as_ref()).await? {
        Some(answer) => answer,
        None => {
            let export = exports::create(&mut transaction, signed.user.id).await?.ok_or_else(|| {
                Problem::new(StatusCode::CONFLICT, format!("{MAX_UNFINISHED} of your exports are under way, wait for one of them"))
            })?;
            let answer = Answer::new(&mut transaction, key.as_ref(), &export).await?;
            transaction.commit().await?;
            answer
        }
    };
    let location = [(header::LOCATION, format!("/api/v1/exports/{}", answer.text("id")))];
    Ok((StatusCode::ACCEPTED, location, answer).into_response())
}

/// Show one of your exports
#[utoipa::path(get, path = "/api/v1/exports/{id}", tag = "files", params(Id), responses((status = 200, body = Export), Refusals))]
pub(super) async fn show(State(app): State<App>, signed: Signed, Id(id): Id) -> Result<Json<Export>, Problem> {
    exports::get(&app.database, id, signed.user.id).await?.map(Json).ok_or_else(missing)
}

/// `GET /media/exports/{id}/tasks.csv`: says that the proxy may send the file.
pub(super) async fn send(State(app): State<App>, signed: Signed, Path(id): Path<String>) -> Result<impl IntoResponse, Problem> {
    let id = id.parse().map_err(|_| missing())?;
    let export = exports::get(&app.database, id, signed.user.id).await?.filter(|export| export.url.is_some()).ok_or_else(missing)?;
    sent(Shelf::Exports, export.id, "text/csv; charset=utf-8", false, "tasks.csv")
}

fn missing() -> Problem {
    Problem::not_found("there is no export with this id")
}
