//! `Idempotency-Key` of create requests (IETF draft ietf-httpapi-idempotency-key-header): the same key and body get the same answer.
use super::error::Problem;
use crate::idempotency::{self, Key, Known};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;
use sqlx::postgres::PgConnection;
use utoipa::IntoParams;
use uuid::Uuid;

/// Says that an answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The header of a request.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(super) struct IdempotencyKey {
    /// Any word of the client's choice. Sending the request again with it creates nothing and gets the same answer, for a day.
    #[param(rename = "Idempotency-Key", value_type = Option<String>, nullable = false, min_length = 1, max_length = 255, pattern = "^[ -~]+$")]
    key: Option<HeaderValue>,
}

impl<S: Send + Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(IdempotencyKey { key: parts.headers.get("idempotency-key").cloned() })
    }
}

impl IdempotencyKey {
    /// The key of somebody's request, if there is one.
    pub(super) fn of(self, user: Uuid, route: &str, body: &impl std::fmt::Debug) -> Result<Option<Key>, Problem> {
        let Some(key) = self.key else { return Ok(None) };
        let key = key.to_str().ok().and_then(|key| Key::new(user, key, route, body));
        key.map(Some).ok_or_else(|| Problem::new(StatusCode::BAD_REQUEST, "`Idempotency-Key` must be 1 to 255 printable ASCII characters"))
    }
}

/// A body, and whether it was answered before.
pub(super) struct Answer(pub(super) Value, bool);

/// Takes the key. `Some`: the request was answered before.
pub(super) async fn claim(connection: &mut PgConnection, key: Option<&Key>) -> Result<Option<Answer>, Problem> {
    let Some(key) = key else { return Ok(None) };
    match idempotency::claim(connection, key).await? {
        Known::Nothing => Ok(None),
        Known::Answered(value) => Ok(Some(Answer(value, true))),
        Known::Mismatch => Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "this `Idempotency-Key` stands for another request; choose a new one for each",
        )),
    }
}

impl Answer {
    /// A first answer, which is kept with what it tells of.
    pub(super) async fn new(connection: &mut PgConnection, key: Option<&Key>, body: &impl Serialize) -> Result<Self, Problem> {
        let value = serde_json::to_value(body).map_err(|error| Problem::internal().because(error))?;
        if let Some(key) = key {
            idempotency::record(connection, key, &value).await?;
        }
        Ok(Answer(value, false))
    }

    /// A member of the body that is text.
    pub(super) fn text(&self, member: &str) -> &str {
        self.0[member].as_str().unwrap_or_default()
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = axum::Json(self.0).into_response();
        if self.1 {
            response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}
