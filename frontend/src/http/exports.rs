//! Exports: files with all tasks, asked for here, written by the worker, and loaded from the backend.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use minijinja::context;
use minijinja::value::Serde;

use super::failure::Failure;
use super::form::{Next, Sent, go_on};
use super::{App, pages};
use crate::backend::Caller;

/// `GET /exports`: the reader's exports and how far they are.
pub(crate) async fn show(State(app): State<App>, caller: Caller) -> Result<Response, Failure> {
    let backend = &app.0.backend;
    let (session, exports) = tokio::join!(backend.session(&caller), backend.exports(&caller));
    let (session, exports) = (session?, exports?);
    let pending = exports.iter().any(|export| export.state == "queued" || export.state == "running");
    pages::render(&app, StatusCode::OK, "exports.html", Some(&session), context! { exports => Serde(exports), pending })
}

/// `POST /exports`: asks for one more.
pub(crate) async fn create(State(app): State<App>, Sent { caller, .. }: Sent<Next>) -> Result<Response, Failure> {
    app.0.backend.export(&caller).await?;
    Ok(go_on("/exports").into_response())
}
