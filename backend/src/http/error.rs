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

/// When to try again after a 503, in seconds: what is away is usually restarting.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("2");

/// A refused or failed request. `http::observe` adds where it happened and writes the body.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    detail: Cow<'static, str>,
    errors: Vec<FieldError>,
    cause: Option<String>,
}

/// What is wrong with one field of a request.
#[derive(Debug, Clone, Serialize)]
pub struct FieldError {
    /// The field's name.
    pub field: &'static str,
    /// A sentence fragment for people, such as `must not be empty`.
    pub detail: Cow<'static, str>,
}

impl Problem {
    /// A problem that has no constructor of its own.
    pub fn new(status: StatusCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Problem { status, detail: detail.into(), errors: Vec::new(), cause: None }
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

    /// 422: fields of the body.
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        Problem { errors, ..Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "a field of the request is not valid") }
    }

    /// 500. The cause is logged, not told.
    pub fn internal() -> Self {
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "the server made a mistake, which was logged under this request id")
    }

    /// 503, with the time to try again.
    pub fn unavailable(detail: &'static str) -> Self {
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail)
    }

    /// 504.
    pub fn too_slow() -> Self {
        Problem::new(StatusCode::GATEWAY_TIMEOUT, "the request took too long and was given up")
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
        Problem { cause: Some(database::reason(&error)), ..problem }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        response.extensions_mut().insert(self);
        response
    }
}
