//! Password resets: ask for a mail with a link, set the password with its token. Neither says whether an account exists.
use super::accounts::away;
use super::auth;
use super::error::Problem;
use super::json::Json;
use super::openapi::Refusals;
use super::state::App;
use crate::accounts::Email;
use crate::passwords::Password;
use crate::resets;
use crate::sessions::Token;
use crate::throttle;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;

/// Whose password is forgotten.
#[derive(Deserialize, ToSchema)]
pub(super) struct ResetRequest {
    #[schema(max_length = 254)]
    email: String,
}

/// A new password, with the token of a mail instead of the old one.
#[derive(Deserialize, ToSchema)]
pub(super) struct Reset {
    /// From the link in the mail.
    #[schema(max_length = 64)]
    token: String,
    #[schema(min_length = 10, max_length = 200)]
    new_password: String,
}

/// Ask for a mail with a link that sets a new password
///
/// The answer is the same whether the address has an account or not.
#[utoipa::path(post, path = "/api/v1/password-resets", tag = "accounts", request_body = ResetRequest, responses((status = 202), Refusals))]
pub(super) async fn request(State(app): State<App>, headers: HeaderMap, Json(body): Json<ResetRequest>) -> Result<StatusCode, Problem> {
    let email = Email::parse(&body.email).map_err(|detail| Problem::invalid_field("email", detail))?;
    if let Some(wait) = throttle::count_reset(email.as_str(), auth::address(&headers), &app.redis).await.map_err(away)? {
        return Err(Problem::too_many(wait));
    }
    resets::request(&app.database, &email).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Set a new password with the token of a mail
///
/// The token works once. All sessions of the account end.
#[utoipa::path(post, path = "/api/v1/password-resets/complete", tag = "accounts", request_body = Reset, responses((status = 204), Refusals))]
pub(super) async fn complete(State(app): State<App>, Json(body): Json<Reset>) -> Result<StatusCode, Problem> {
    let token = Token::parse(&body.token).ok_or_else(expired)?;
    let account = resets::find(&app.database, &token).await?.ok_or_else(expired)?;
    let password = Password::parse(&body.new_password, &[&account.email, &account.name]);
    let password = password.map_err(|detail| Problem::invalid_field("new_password", detail))?;
    let hash = app.passwords.hash(password).await?;
    if !resets::complete(&app.database, &token, &account, &hash).await? {
        return Err(expired());
    }
    tracing::info!(user_id = %account.id, "password reset by mail, all sessions end");
    Ok(StatusCode::NO_CONTENT)
}

fn expired() -> Problem {
    Problem::invalid_field("token", "does not work any more: ask for another mail")
}
