//! Failures: why a page cannot be shown. Handlers return one; `pages::render_failure` makes the page that says so.

use std::any::Any;

use axum::BoxError;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tower::load_shed::error::Overloaded;
use tracing::error;

use crate::backend::BackendError;
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
    /// A form that cannot be read, with the status that fits.
    BadForm(StatusCode),
    /// The backend cannot be reached or cannot work. What was entered is kept.
    BackendAway {
        /// What the visitor had written.
        draft: Option<String>,
    },
    /// The backend did not answer in time. What was entered is kept.
    BackendSlow {
        /// What the visitor had written.
        draft: Option<String>,
    },
    /// There are more requests than can be answered.
    Overloaded,
    /// A fault of this program, with the text for the log and for whoever edits templates.
    Broken(String),
}

impl Failure {
    /// The status of the answer.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::CrossSite => StatusCode::FORBIDDEN,
            Self::BadForm(status) => *status,
            Self::BackendAway { .. } | Self::BackendSlow { .. } | Self::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
            Self::Broken(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// A failure of the backend while `draft` was being sent.
    pub(crate) fn from_backend(reason: BackendError, draft: Option<&str>) -> Self {
        let draft = draft.map(str::to_owned);
        match reason {
            BackendError::Away(_) => Self::BackendAway { draft },
            BackendError::Slow(_) => Self::BackendSlow { draft },
            // What is refused here is a position in the list: the form of a new task says itself what is wrong with it.
            BackendError::NotFound(_) | BackendError::Refused(_) => Self::NotFound,
            BackendError::TooMany => Self::Overloaded,
            BackendError::Unexpected(_) => Self::Broken(reason.to_string()),
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
