//! The account: the reader's own name and password.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use minijinja::context;
use minijinja::value::Serde;
use serde::Deserialize;

use super::failure::Failure;
use super::form::{Asked, Sent, go_on};
use super::session::with_cookies;
use super::{App, pages};
use crate::backend::{BackendError, Caller, Refusal};

/// What was just saved, so that the page can say so.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Saved {
    pub(crate) saved: String,
}

/// The form with the name.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Name {
    name: String,
}

/// The form with the passwords.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Passwords {
    current_password: String,
    new_password: String,
}

/// `GET /account`.
pub(crate) async fn show(State(app): State<App>, caller: Caller, Asked(saved): Asked<Saved>) -> Result<Response, Failure> {
    page(&app, &caller, &saved.saved, None, &Refusal::default()).await
}

/// `POST /account`: changes the name.
pub(crate) async fn rename(State(app): State<App>, Sent { caller, fields }: Sent<Name>) -> Result<Response, Failure> {
    match app.0.backend.rename(&fields.name, &caller).await {
        Ok(_) => Ok(go_on("/account?saved=name").into_response()),
        Err(BackendError::Refused(refusal)) => page(&app, &caller, "", Some(fields.name), &refusal).await,
        Err(reason) => Err(reason.into()),
    }
}

/// `POST /account/password`: changes the password. The answer is a new session: the others have ended.
pub(crate) async fn change_password(State(app): State<App>, Sent { caller, fields }: Sent<Passwords>) -> Result<Response, Failure> {
    match app.0.backend.change_password(&fields.current_password, &fields.new_password, &caller).await {
        Ok(cookies) => Ok(with_cookies(go_on("/account?saved=password"), cookies)),
        Err(BackendError::Refused(refusal)) => page(&app, &caller, "", None, &refusal).await,
        Err(reason) => Err(reason.into()),
    }
}

async fn page(app: &App, caller: &Caller, saved: &str, name: Option<String>, refusal: &Refusal) -> Result<Response, Failure> {
    let session = app.0.backend.session(caller).await?;
    let data = context! { saved, name => name.unwrap_or_else(|| session.user.name.clone()), general => refusal.fields.is_empty().then_some(refusal.detail.as_str()), errors => Serde(&refusal.fields) };
    pages::render(app, refusal.status, "account.html", Some(&session), data)
}
