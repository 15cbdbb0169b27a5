//! `/admin/jobs`: how the queue stands, what failed for good, and a second chance for it.
use super::super::auth::SignedAdmin;
use super::super::error::Problem;
use super::super::json::Id;
use super::super::state::App;
use super::Form;
use crate::jobs;
use axum::extract::State;
use axum::response::{Html, Redirect};
use minijinja::context;
use minijinja::value::Serde;
use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct Nothing {}

pub(super) async fn list(State(app): State<App>, admin: SignedAdmin) -> Result<Html<String>, Problem> {
    let (figures, failed) = tokio::join!(jobs::figures(&app.database), jobs::failed(&app.database));
    super::page("jobs.html", &admin, context! { jobs => Serde(figures?), failed => Serde(failed?) })
}

pub(super) async fn retry(State(app): State<App>, Id(id): Id, Form(Nothing {}): Form<Nothing>) -> Result<Redirect, Problem> {
    if jobs::retry_failed(&app.database, id).await? {
        Ok(Redirect::to("/admin/jobs"))
    } else {
        Err(Problem::not_found("there is no failed job with this id: it may have been started again already"))
    }
}
