//! Signing in, up and out. The backend makes the cookie of the session; here it is only passed on.

use axum::extract::State;
use axum::http::header::{RETRY_AFTER, SET_COOKIE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use minijinja::context;
use minijinja::value::Serde;
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::failure::Failure;
use super::form::{Asked, Next, Sent, go_on, local};
use super::{App, pages};
use crate::backend::{BackendError, Caller, Cookies, Refusal};

/// What is typed to sign in or up. Signing in has no name.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Credentials {
    name: String,
    email: String,
    #[serde(skip_serializing)]
    password: String,
    next: String,
}

/// The two pages that differ in little.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    In,
    Up,
}

/// `GET /sign-in`.
pub(crate) async fn sign_in_form(state: State<App>, caller: Caller, next: Asked<Next>) -> Result<Response, Failure> {
    form(state, caller, next, Door::In).await
}

/// `GET /sign-up`.
pub(crate) async fn sign_up_form(state: State<App>, caller: Caller, next: Asked<Next>) -> Result<Response, Failure> {
    form(state, caller, next, Door::Up).await
}

/// `POST /sign-in`: begins a session.
pub(crate) async fn sign_in(State(app): State<App>, Sent { caller, fields }: Sent<Credentials>) -> Result<Response, Failure> {
    let outcome = app.0.backend.sign_in(&fields.email, &fields.password, &caller).await;
    enter(&app, Door::In, fields, outcome)
}

/// `POST /sign-up`: makes an account and begins its first session.
pub(crate) async fn sign_up(State(app): State<App>, Sent { caller, fields }: Sent<Credentials>) -> Result<Response, Failure> {
    let outcome = app.0.backend.sign_up(&fields.name, &fields.email, &fields.password, &caller).await;
    enter(&app, Door::Up, fields, outcome)
}

/// `POST /sign-out`: ends the session. One that has already ended is no reason to complain.
pub(crate) async fn sign_out(State(app): State<App>, Sent { caller, .. }: Sent<Next>) -> Result<Response, Failure> {
    match app.0.backend.sign_out(&caller).await {
        Ok(cookies) => Ok(with_cookies(go_on("/sign-in"), cookies)),
        Err(BackendError::SignedOut) => Ok(go_on("/sign-in").into_response()),
        Err(reason) => Err(reason.into()),
    }
}

/// Passes the backend's cookies on.
pub(super) fn with_cookies(response: impl IntoResponse, cookies: Cookies) -> Response {
    let mut response = response.into_response();
    for cookie in cookies {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

async fn form(State(app): State<App>, caller: Caller, Asked(Next { next }): Asked<Next>, door: Door) -> Result<Response, Failure> {
    // Whoever is signed in already has nothing to do here. A backend that is away does not keep the form from being shown.
    if app.0.backend.session(&caller).await.is_ok() {
        return Ok(go_on(&next).into_response());
    }
    page(&app, door, Credentials { next, ..Credentials::default() }, StatusCode::OK, None, &Refusal::default())
}

fn enter(app: &App, door: Door, fields: Credentials, outcome: Result<Cookies, BackendError>) -> Result<Response, Failure> {
    let (status, text) = match outcome {
        Ok(cookies) => return Ok(with_cookies(go_on(&fields.next), cookies)),
        Err(BackendError::Refused(refusal)) => {
            let general = refusal.fields.is_empty().then(|| sentence(&refusal.detail));
            return page(app, door, fields, refusal.status, general, &refusal);
        }
        Err(BackendError::SignedOut) => (StatusCode::UNAUTHORIZED, "The address or the password is wrong.".to_owned()),
        Err(BackendError::TooMany(after)) => {
            let mut answer = page(app, door, fields, StatusCode::TOO_MANY_REQUESTS, Some(too_many(after)), &Refusal::default())?;
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(after.unwrap_or(60)));
            return Ok(answer);
        }
        Err(reason @ (BackendError::Away(_) | BackendError::Slow(_))) => {
            warn!("{reason}");
            (StatusCode::SERVICE_UNAVAILABLE, "The service that knows the accounts is away for a moment. Try again soon.".to_owned())
        }
        Err(reason) => return Err(reason.into()),
    };
    page(app, door, fields, status, Some(text), &Refusal::default())
}

fn page(
    app: &App,
    door: Door,
    mut fields: Credentials,
    status: StatusCode,
    general: Option<String>,
    refusal: &Refusal,
) -> Result<Response, Failure> {
    fields.next = local(&fields.next).to_owned();
    let data = context! { up => door == Door::Up, fields => Serde(fields), general, errors => Serde(&refusal.fields) };
    pages::render(app, status, "sign.html", None, data)
}

/// A fragment of the API as a sentence.
pub(super) fn sentence(fragment: &str) -> String {
    let mut letters = fragment.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", letters.as_str().trim_end_matches('.'))
}

/// What is said when something was tried too often.
pub(super) fn too_many(after: Option<u16>) -> String {
    format!("There were too many attempts. Try again in {}.", waiting_time(after.unwrap_or(60)))
}

fn waiting_time(seconds: u16) -> String {
    match seconds {
        0..=1 => "a second".to_owned(),
        2..=90 => format!("{seconds} seconds"),
        _ => format!("{} minutes", seconds.div_ceil(60)),
    }
}
