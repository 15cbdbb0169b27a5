//! A forgotten password: the form that asks for a mail, and the form behind the link in it.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use minijinja::context;
use minijinja::value::Serde;
use serde::Deserialize;

use super::failure::Failure;
use super::form::{Asked, Sent, go_on};
use super::session::{too_many, with_cookies};
use super::{App, pages};
use crate::backend::{BackendError, Refusal};

/// What was typed, and whether it was sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Forgotten {
    email: String,
    sent: String,
}

/// The token of a link, the new password, and whether it was set.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Reset {
    token: String,
    new_password: String,
    done: String,
}

/// `GET /password/forgotten`.
pub(crate) async fn forgotten_form(State(app): State<App>, Asked(fields): Asked<Forgotten>) -> Result<Response, Failure> {
    forgotten_page(&app, &Forgotten { email: String::new(), ..fields }, None, &Refusal::default())
}

/// `POST /password/forgotten`: asks for a mail. What is said is the same whether there is an account or not.
pub(crate) async fn forgotten(State(app): State<App>, Sent { caller, fields }: Sent<Forgotten>) -> Result<Response, Failure> {
    match app.0.backend.request_reset(&fields.email, &caller).await {
        Ok(()) => Ok(go_on("/password/forgotten?sent=1").into_response()),
        Err(BackendError::Refused(refusal)) => forgotten_page(&app, &fields, None, &refusal),
        Err(BackendError::TooMany(after)) => {
            let refusal = Refusal { status: StatusCode::TOO_MANY_REQUESTS, ..Refusal::default() };
            forgotten_page(&app, &fields, Some(too_many(after)), &refusal)
        }
        Err(reason) => Err(reason.into()),
    }
}

/// `GET /password/reset`.
pub(crate) async fn reset_form(State(app): State<App>, Asked(fields): Asked<Reset>) -> Result<Response, Failure> {
    reset_page(&app, &fields, &Refusal::default())
}

/// `POST /password/reset`: sets the password. All sessions of the account end, also that of this browser.
pub(crate) async fn reset(State(app): State<App>, Sent { caller, fields }: Sent<Reset>) -> Result<Response, Failure> {
    match app.0.backend.reset_password(&fields.token, &fields.new_password, &caller).await {
        Ok(cookies) => Ok(with_cookies(go_on("/password/reset?done=1"), cookies)),
        Err(BackendError::Refused(refusal)) => reset_page(&app, &fields, &refusal),
        Err(reason) => Err(reason.into()),
    }
}

fn forgotten_page(app: &App, fields: &Forgotten, general: Option<String>, refusal: &Refusal) -> Result<Response, Failure> {
    let data = context! { sent => !fields.sent.is_empty(), email => fields.email.as_str(), general, errors => Serde(&refusal.fields) };
    pages::render(app, refusal.status, "forgotten.html", None, data)
}

fn reset_page(app: &App, fields: &Reset, refusal: &Refusal) -> Result<Response, Failure> {
    let general = refusal.fields.is_empty().then(|| refusal.detail.clone()).filter(|detail| !detail.is_empty());
    let data = context! { done => !fields.done.is_empty(), token => fields.token.as_str(), general, errors => Serde(&refusal.fields) };
    pages::render(app, refusal.status, "reset.html", None, data)
}
