//! Errors as clients see them: problem details (RFC 9457).
//!
//! `{"type": "about:blank", "title": "Not Found", "status": 404, "detail": "…", "instance": "/api/v1/…", "request_id": "…"}`, and
//! `"errors": [{"field": "title", "detail": "must not be empty"}]` where fields are to blame.
use crate::database;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::json;
use std::borrow::Cow;
use std::time::Duration;
use utoipa::ToSchema;

/// When to try again, where nothing says it better: what is away is usually restarting.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// A refused or failed request. `http::observe` adds where it happened and writes the body.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    cause: Option<String>,
    retry_after: Option<Duration>,
}

/// What is wrong with one field of a request.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct FieldError {
    /// The field's name.
    #[schema(value_type = String)]
    pub field: &'static str,
    /// A sentence fragment for people, such as `must not be empty`.
    #[schema(value_type = String)]
    pub detail: Cow<'static, str>,
}

/// A problem document (RFC 9457).
#[derive(Debug, ToSchema)]
#[schema(as = Problem)]
#[expect(dead_code, reason = "describes what `Problem::body` writes")]
pub(super) struct ProblemDocument {
    /// Always `about:blank`: the status says what kind it is.
    r#type: String,
    /// The status in words.
    title: String,
    /// The status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What went wrong, for people.
    detail: String,
    /// The path of the request.
    instance: Option<String>,
    /// For finding the request in logs.
    request_id: String,
    /// The fields that are to blame, if any are.
    #[schema(nullable = false)]
    errors: Option<Vec<FieldError>>,
}

impl Problem {
    /// A problem that has no constructor of its own.
    pub fn new(status: StatusCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Problem { status, detail: detail.into(), errors: Vec::new(), cause: None, retry_after: None }
    }

    /// 400: a parameter of the address.
    pub fn bad_parameter(field: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        let errors = vec![FieldError { field, detail: detail.into() }];
        Problem { errors, ..Problem::new(StatusCode::BAD_REQUEST, "a parameter of the address is not valid") }
    }

    /// 403.
    pub fn forbidden(detail: &'static str) -> Self {
        Problem::new(StatusCode::FORBIDDEN, detail)
    }

    /// 404.
    pub fn not_found(detail: &'static str) -> Self {
        Problem::new(StatusCode::NOT_FOUND, detail)
    }

    /// 405.
    pub fn method_not_allowed() -> Self {
        Problem::new(StatusCode::METHOD_NOT_ALLOWED, "this address does not support this method")
    }

    /// 409: one field of the body says what another thing has already.
    pub fn conflict(field: &'static str, detail: &'static str) -> Self {
        let errors = vec![FieldError { field, detail: detail.into() }];
        Problem { errors, ..Problem::new(StatusCode::CONFLICT, "what was sent is in conflict with what is there") }
    }

    /// 422: one field of the body.
    pub fn invalid_field(field: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Problem::invalid(vec![FieldError { field, detail: detail.into() }])
    }

    /// 422: fields of the body.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        Problem { errors, ..Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "a field of the request is not valid") }
    }

    /// 500. The cause is logged, not told.
    pub fn internal() -> Self {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the server made a mistake, which was logged under this request id")
    }

    /// 429, with the time to try again.
    pub fn too_many(wait: Duration) -> Self {
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "that was too often, wait before you try again");
        Problem { retry_after: Some(wait), ..problem }
    }

    /// 429: what is under way has to end first.
    pub fn too_many_at_once(detail: impl Into<Cow<'static, str>>) -> Self {
        Problem { retry_after: Some(RETRY_AFTER), ..Problem::new(StatusCode::TOO_MANY_REQUESTS, detail) }
    }

    /// 503, with the time to try again.
    pub fn unavailable(detail: &'static str) -> Self {
        Problem { retry_after: Some(RETRY_AFTER), ..Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail) }
    }

    /// 504.
    pub fn too_slow() -> Self {
        Problem::new(StatusCode::GATEWAY_TIMEOUT, "the request took too long and was given up")
    }

    /// Adds what lies behind it, for the log only.
    pub fn because(self, cause: impl ToString) -> Self {
        Problem { cause: Some(cause.to_string()), ..self }
    }

    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What went wrong, for people.
    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    /// What lies behind it, for the log only.
    pub(super) fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// The body for a request.
    pub(super) fn body(&self, path: &str, request_id: &str) -> String {
        let mut body = json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "detail": self.detail,
            "instance": path,
            "request_id": request_id,
        });
        if !self.errors.is_empty() {
            body["errors"] = json!(self.errors);
        }
        body.to_string()
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        let problem = if database::is_unavailable(&error) {
            Problem::unavailable("the database is not available, try again in a moment")
        } else {
            Problem::internal()
        };
        problem.because(database::reason(&error))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(wait) = self.retry_after {
            headers.insert(header::RETRY_AFTER, wait.as_secs().max(1).into());
        }
        response.extensions_mut().insert(self);
        response
    }
}
