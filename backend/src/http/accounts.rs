//! Accounts and sessions: sign up, sign in, sign out, change name and password, find people.
use super::auth::{self, Signed};
use super::error::{FieldError, Problem};
use super::json::{Json, Parameters};
use super::openapi::Refusals;
use super::state::App;
use crate::accounts::{self, Account, Email, MAX_EMAIL_LENGTH, Name, Person, Removal, Role};
use crate::passwords::{Busy, Password};
use crate::redis_client;
use crate::sessions::{self, Token};
use crate::throttle::{Attempt, Turn};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use time::OffsetDateTime;
use tokio::time::sleep;
use utoipa::{IntoParams, ToSchema};

/// Who is signed in, and what requests that change something must carry.
#[derive(Serialize, ToSchema)]
pub(super) struct Session {
    user: Account,
    /// Send it as `X-CSRF-Token`.
    csrf_token: String,
    /// When the session ends, however much it is used.
    #[serde(with = "time::serde::rfc3339")]
    expires_at: OffsetDateTime,
}

/// A new account.
#[derive(Deserialize, ToSchema)]
pub(super) struct SignUp {
    #[schema(max_length = 254)]
    email: String,
    #[schema(min_length = 1, max_length = 80)]
    name: String,
    #[schema(min_length = 10, max_length = 200)]
    password: String,
}

/// Who wants to sign in.
#[derive(Deserialize, ToSchema)]
pub(super) struct SignIn {
    #[schema(max_length = 254)]
    email: String,
    #[schema(max_length = 200)]
    password: String,
}

/// A change of the password.
#[derive(Deserialize, ToSchema)]
pub(super) struct PasswordChange {
    #[schema(max_length = 200)]
    current_password: String,
    #[schema(min_length = 10, max_length = 200)]
    new_password: String,
}

/// Who is sure to remove the account.
#[derive(Deserialize, ToSchema)]
pub(super) struct AccountRemoval {
    #[schema(max_length = 200)]
    current_password: String,
}

/// A change of the account.
#[derive(Deserialize, ToSchema)]
pub(super) struct AccountChange {
    #[schema(min_length = 1, max_length = 80)]
    name: String,
}

/// Whom to find.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PeopleParameters {
    /// A part of the name.
    #[param(nullable = false, max_length = 80)]
    q: Option<String>,
}

/// People by name, 100 at most.
#[derive(Serialize, ToSchema)]
pub(super) struct People {
    users: Vec<Person>,
}

/// Sign up
#[utoipa::path(post, path = "/api/v1/users", tag = "accounts", request_body = SignUp, responses((status = 201, body = Session), Refusals))]
pub(super) async fn sign_up(State(app): State<App>, headers: HeaderMap, Json(body): Json<SignUp>) -> Result<Response, Problem> {
    let mut errors = Vec::new();
    let mut check = |field, error: String| errors.push(FieldError { field, detail: error.into() });
    let email = Email::parse(&body.email).map_err(|error| check("email", error)).ok();
    let name = Name::parse(&body.name).map_err(|error| check("name", error)).ok();
    let password = Password::parse(&body.password, &[&body.email, &body.name]).map_err(|error| check("password", error)).ok();
    let (Some(email), Some(name), Some(password)) = (email, name, password) else { return Err(Problem::invalid(errors)) };
    // Without a Redis that takes values there is no session to begin; an account that is made all the same would be in the way of the next try.
    redis_client::check(&app.redis).await.map_err(away)?;
    let hash = app.passwords.hash(password).await?;
    let account = accounts::create(&app.database, &email, &name, &hash, Role::User).await?;
    let account = account.ok_or_else(|| Problem::conflict("email", "belongs to an account already: sign in instead"))?;
    tracing::info!(user_id = %account.id, "signed up");
    start(&app, &headers, account, StatusCode::CREATED).await
}

/// Sign in
#[utoipa::path(post, path = "/api/v1/sessions", tag = "accounts", request_body = SignIn, responses((status = 201, body = Session), Refusals))]
pub(super) async fn sign_in(State(app): State<App>, headers: HeaderMap, Json(body): Json<SignIn>) -> Result<Response, Problem> {
    // What cannot be an address is looked up, counted and answered like one that nobody has.
    let text: String = body.email.trim().to_lowercase().chars().take(MAX_EMAIL_LENGTH).collect();
    let attempt = Attempt::new(&text, auth::address(&headers));
    wait_for_turn(&app, &attempt).await?;
    let known = match Email::parse(&body.email) {
        Ok(email) => accounts::by_email(&app.database, &email).await?,
        Err(_) => None,
    };
    let (account, hash) = known.unzip();
    let right = app.passwords.verify(body.password, hash).await?;
    let Some(account) = account.filter(|_| right) else {
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "the address or the password is wrong"));
    };
    attempt.forgive(&app.redis).await.map_err(away)?;
    start(&app, &headers, account, StatusCode::CREATED).await
}

/// Who is signed in
#[utoipa::path(get, path = "/api/v1/session", tag = "accounts", responses((status = 200, body = Session), Refusals))]
pub(super) async fn current(signed: Signed) -> axum::Json<Session> {
    axum::Json(describe(signed.user, signed.session))
}

/// Sign out
#[utoipa::path(delete, path = "/api/v1/session", tag = "accounts", responses((status = 204), Refusals))]
pub(super) async fn sign_out(State(app): State<App>, signed: Signed, headers: HeaderMap) -> Result<Response, Problem> {
    if let Err(error) = app.sessions.end(&signed.token).await {
        // The session cannot be removed from Redis now, and must not go on afterwards: all sessions of the account end instead.
        tracing::warn!(%error, "Redis is away: all sessions of the account end");
        accounts::end_sessions(&app.database, signed.user.id).await?;
    }
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, auth::set_cookie(None, &headers))]).into_response())
}

/// Change the password, which ends all other sessions
#[utoipa::path(put, path = "/api/v1/account/password", tag = "accounts", request_body = PasswordChange, responses((status = 200, body = Session), Refusals))]
pub(super) async fn change_password(
    State(app): State<App>,
    signed: Signed,
    headers: HeaderMap,
    Json(body): Json<PasswordChange>,
) -> Result<Response, Problem> {
    let new = Password::parse(&body.new_password, &[&signed.user.email, &signed.user.name])
        .map_err(|detail| Problem::invalid_field("new_password", detail))?;
    check_password(&app, &signed, &headers, body.current_password).await?;
    let hash = app.passwords.hash(new).await?;
    let account = accounts::change_password(&app.database, &signed.user, &hash).await?;
    let account = account.ok_or_else(|| Problem::new(StatusCode::CONFLICT, "the password was changed elsewhere meanwhile"))?;
    tracing::info!(user_id = %account.id, "password changed");
    start(&app, &headers, account, StatusCode::OK).await
}

/// Change the name
#[utoipa::path(patch, path = "/api/v1/account", tag = "accounts", request_body = AccountChange, responses((status = 200, body = Account), Refusals))]
pub(super) async fn rename(
    State(app): State<App>,
    signed: Signed,
    Json(body): Json<AccountChange>,
) -> Result<axum::Json<Account>, Problem> {
    let name = Name::parse(&body.name).map_err(|detail| Problem::invalid_field("name", detail))?;
    let account = accounts::rename(&app.database, signed.user.id, &name).await?;
    account.map(axum::Json).ok_or_else(|| Problem::not_found("the account is gone"))
}

/// Remove the account
///
/// What only this account sees goes with it; what others see stays, without a name.
#[utoipa::path(delete, path = "/api/v1/account", tag = "accounts", request_body = AccountRemoval, responses((status = 204), Refusals))]
pub(super) async fn remove(
    State(app): State<App>,
    signed: Signed,
    headers: HeaderMap,
    Json(body): Json<AccountRemoval>,
) -> Result<Response, Problem> {
    check_password(&app, &signed, &headers, body.current_password).await?;
    match accounts::remove(&app.database, signed.user.id).await? {
        Removal::LastAdmin => return Err(Problem::new(StatusCode::CONFLICT, "the last administrator must remain")),
        // It is gone, whoever removed it.
        Removal::Done | Removal::Missing => {}
    }
    tracing::info!(user_id = %signed.user.id, "account removed");
    if let Err(error) = app.sessions.end(&signed.token).await {
        // It is nobody's: it ends where it is used next.
        tracing::warn!(%error, "Redis is away: the session of a removed account stays there until it runs out");
    }
    Ok((StatusCode::NO_CONTENT, [(header::SET_COOKIE, auth::set_cookie(None, &headers))]).into_response())
}

/// Find people
#[utoipa::path(get, path = "/api/v1/users", tag = "accounts", params(PeopleParameters), responses((status = 200, body = People), Refusals))]
pub(super) async fn people(
    State(app): State<App>,
    _: Signed,
    Parameters(parameters): Parameters<PeopleParameters>,
) -> Result<axum::Json<People>, Problem> {
    let query = parameters.q.unwrap_or_default();
    if query.chars().count() > accounts::MAX_NAME_LENGTH {
        return Err(Problem::bad_parameter("q", format!("must have at most {} characters", accounts::MAX_NAME_LENGTH)));
    }
    // No name has one, and PostgreSQL has no NUL in texts at all.
    if query.chars().any(char::is_control) {
        return Err(Problem::bad_parameter("q", "must not contain control characters"));
    }
    Ok(axum::Json(People { users: accounts::people(&app.database, query.trim()).await? }))
}

/// Whether whoever is signed in knows the password of the account: an open browser must not be a way to guess it.
async fn check_password(app: &App, signed: &Signed, headers: &HeaderMap, password: String) -> Result<(), Problem> {
    let attempt = Attempt::new(&signed.user.email, auth::address(headers));
    wait_for_turn(app, &attempt).await?;
    let email = Email::parse(&signed.user.email).map_err(|error| Problem::internal().because(error))?;
    let hash = accounts::by_email(&app.database, &email).await?.map(|(_, hash)| hash);
    if !app.passwords.verify(password, hash).await? {
        return Err(Problem::invalid_field("current_password", "is wrong"));
    }
    attempt.forgive(&app.redis).await.map_err(away)
}

/// Counts an attempt and waits until it may be made.
async fn wait_for_turn(app: &App, attempt: &Attempt) -> Result<(), Problem> {
    match attempt.count(&app.redis).await.map_err(away)? {
        Turn::After(Duration::ZERO) => Ok(()),
        Turn::After(wait) => {
            // Requests that wait have places of their own, so that guessing does not take those of others.
            let _place = app.waiting.try_acquire().map_err(|_| Problem::too_many(wait))?;
            sleep(wait).await;
            Ok(())
        }
        Turn::Refused(wait) => Err(Problem::too_many(wait)),
    }
}

async fn start(app: &App, headers: &HeaderMap, account: Account, status: StatusCode) -> Result<Response, Problem> {
    // A session that this browser had before must not go on unseen.
    if let Some(old) = auth::token(headers) {
        app.sessions.end(&old).await.map_err(away)?;
    }
    let (token, session): (Token, sessions::Session) = app.sessions.start(&account).await.map_err(away)?;
    let cookie = auth::set_cookie(Some(&token), headers);
    Ok((status, [(header::SET_COOKIE, cookie)], axum::Json(describe(account, session))).into_response())
}

fn describe(user: Account, session: sessions::Session) -> Session {
    Session { user, expires_at: session.expires_at(), csrf_token: session.csrf_token }
}

pub(super) fn away(error: redis::RedisError) -> Problem {
    Problem::unavailable("nobody can sign in right now, try again in a moment").because(error)
}

impl From<Busy> for Problem {
    fn from(_: Busy) -> Self {
        Problem::unavailable("too many people sign in right now, try again in a moment")
    }
}
