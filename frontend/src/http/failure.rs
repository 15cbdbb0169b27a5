//! Failures: why a page cannot be shown. Handlers return one; `pages::render_failure` makes the page that says so.

use std::any::Any;

use axum::BoxError;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tower::load_shed::error::Overloaded;
use tracing::{error, warn};

use crate::backend::{BackendError, Caller};
use crate::site::SiteError;

/// Why there is no page.
#[derive(Debug, Clone)]
pub(crate) enum Failure {
    /// Nothing is at this address.
    NotFound,
    /// The address exists, for another method.
    WrongMethod,
    /// A form of another site.
    CrossSite,
    /// Nobody is signed in, or not any more.
    SignedOut,
    /// A form of an earlier session, or of somebody who may not do this any more.
    OutOfDate,
    /// A form that cannot be read, with the status that fits.
    BadForm(StatusCode),
    /// The backend cannot be reached or cannot work. What was entered is kept.
    BackendAway {
        /// What the visitor had written.
        draft: Option<Draft>,
    },
    /// The backend did not answer in time. What was entered is kept.
    BackendSlow {
        /// What the visitor had written.
        draft: Option<Draft>,
    },
    /// There are more requests than can be answered.
    Overloaded,
    /// A fault of this program, with the text for the log and for whoever edits templates.
    Broken(String),
}

/// What a visitor had written when it could not be saved: a form that can be sent again.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Draft {
    action: String,
    csrf_token: String,
    fields: Vec<DraftField>,
}

#[derive(Debug, Clone, Serialize)]
struct DraftField {
    name: &'static str,
    label: Option<&'static str>,
    value: String,
}

impl Failure {
    /// The status of the answer.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::SignedOut => StatusCode::UNAUTHORIZED,
            Self::CrossSite | Self::OutOfDate => StatusCode::FORBIDDEN,
            Self::BadForm(status) => *status,
            Self::BackendAway { .. } | Self::BackendSlow { .. } | Self::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
            Self::Broken(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The same failure, with what the visitor had written, where it can be sent again.
    pub(crate) fn keeping(self, written: Draft) -> Self {
        match self {
            Self::BackendAway { .. } => Self::BackendAway { draft: Some(written) },
            Self::BackendSlow { .. } => Self::BackendSlow { draft: Some(written) },
            other => other,
        }
    }
}

impl Draft {
    /// An empty form of `caller` that goes to `action`.
    pub(crate) fn new(action: &str, caller: &Caller) -> Self {
        Self { action: action.to_owned(), csrf_token: caller.token().to_owned(), fields: Vec::new() }
    }

    /// The same form with one more field; without a label it is not shown.
    pub(crate) fn field(mut self, name: &'static str, label: Option<&'static str>, value: &str) -> Self {
        self.fields.push(DraftField { name, label, value: value.to_owned() });
        self
    }
}

impl From<BackendError> for Failure {
    fn from(reason: BackendError) -> Self {
        match reason {
            BackendError::SignedOut => Self::SignedOut,
            BackendError::NotFound => Self::NotFound,
            BackendError::TooMany(_) => Self::Overloaded,
            ref reason => {
                warn!("{reason}");
                match reason {
                    BackendError::Away(_) => Self::BackendAway { draft: None },
                    BackendError::Slow(_) => Self::BackendSlow { draft: None },
                    BackendError::Forbidden(_) => Self::OutOfDate,
                    // Forms say themselves what is wrong with a field. What is left is a button that does not fit any more.
                    BackendError::Refused(_) | BackendError::Changed => Self::BadForm(StatusCode::UNPROCESSABLE_ENTITY),
                    other => Self::Broken(other.to_string()),
                }
            }
        }
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<SiteError> for Failure {
    fn from(reason: SiteError) -> Self {
        Self::Broken(reason.to_string())
    }
}

/// The answer at an address that is not there.
pub(crate) async fn no_such_page() -> Failure {
    Failure::NotFound
}

/// The answer to a method that an address does not have.
pub(crate) async fn no_such_method() -> Failure {
    Failure::WrongMethod
}

/// The answer when a limit is reached.
pub(crate) async fn from_layer(reason: BoxError) -> Failure {
    if reason.is::<Overloaded>() {
        Failure::Overloaded
    } else if reason.is::<tower::timeout::error::Elapsed>() {
        Failure::BackendSlow { draft: None }
    } else {
        Failure::Broken(reason.to_string())
    }
}

/// The answer when a handler panics.
pub(crate) fn from_panic(payload: Box<dyn Any + Send>) -> Response {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned());
    error!("a handler panicked: {text}");
    Failure::Broken(format!("a handler panicked: {text}")).into_response()
}
