//! Pages: what every page needs to be rendered, and the pages for failures.

use axum::extract::{Request, State};
use axum::http::header::{ALLOW, CACHE_CONTROL, RETRY_AFTER};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse as _, Redirect, Response};
use minijinja::value::Serde;
use minijinja::{HtmlEscape, Value, context};
use time::OffsetDateTime;
use tracing::error;

use super::App;
use super::failure::Failure;
use crate::backend::{Session, encode};

/// After how many seconds a page that could not be shown asks again.
const RETRY_SECONDS: u16 = 3;

/// A page from the template `name`; `data` comes on top of what every page has.
pub(crate) fn render(app: &App, status: StatusCode, name: &str, session: Option<&Session>, data: Value) -> Result<Response, Failure> {
    let config = &app.0.config;
    let common = context! {
        environment => config.environment.as_str(),
        version => env!("CARGO_PKG_VERSION"),
        revision => config.revision.as_deref().map(|revision| revision.get(..12).unwrap_or(revision)),
        session => Serde(session),
        today => OffsetDateTime::now_utc().date().to_string(),
    };
    let page = app.0.site.render(name, context! { ..data, ..common })?;
    // Never shared, and not kept: after signing out, going back in the browser shows nothing of whoever was signed in.
    let caching = if session.is_some() { "private, no-store" } else { "private, no-cache" };
    Ok((status, [(CACHE_CONTROL, caching)], Html(page)).into_response())
}

/// Turns the failures of handlers and of other layers into pages.
pub(crate) async fn render_failure(State(app): State<App>, request: Request, next: Next) -> Response {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let address = request.uri().path_and_query().map_or("/", PathAndQuery::as_str).to_owned();
    let response = next.run(request).await;
    let Some(failure) = response.extensions().get::<Failure>().cloned() else { return response };
    if let Failure::SignedOut = failure {
        // What a form would have done cannot be repeated by going to its address.
        let next = if reads && address != "/" { format!("?next={}", encode(&address)) } else { String::new() };
        return ([(CACHE_CONTROL, "no-store")], Redirect::to(&format!("/sign-in{next}"))).into_response();
    }
    if let Failure::Broken(reason) = &failure {
        error!("{reason}");
    }
    let mut page = render(&app, failure.status(), "failure.html", None, words(&app, &failure, reads)).unwrap_or_else(|second| {
        // The template of the failure page itself does not work: in development, after an edit.
        let reasons =
            [&failure, &second].into_iter().filter_map(|failure| if let Failure::Broken(reason) = failure { Some(reason) } else { None });
        let mut reasons: Vec<&str> = reasons.map(String::as_str).collect();
        reasons.dedup();
        reasons.iter().skip(1).for_each(|reason| error!("{reason}"));
        bare(reasons.first().copied().filter(|_| app.0.config.template_reload))
    });
    let headers = page.headers_mut();
    if failure.status() == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(RETRY_AFTER, HeaderValue::from(RETRY_SECONDS));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Some(allow) = response.headers().get(ALLOW) {
        headers.insert(ALLOW, allow.clone());
    }
    page
}

/// A page without any template. It has a head and a body, so that what a proxy puts into pages is in this one too.
pub(super) fn bare(detail: Option<&str>) -> Response {
    let detail = detail.map(|reason| format!("\n<pre>{}</pre>", HtmlEscape(reason))).unwrap_or_default();
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"robots\" content=\"noindex\">\n<title>Something broke · Slipway</title>\n</head>\n<body>\n\
         <a href=\"#main\">Skip to content</a>\n<main id=\"main\">\n<h1>Something broke</h1>\n<p>The page cannot be shown.</p>{detail}\n\
         <p><a href=\"/\">To the board</a></p>\n</main>\n</body>\n</html>\n"
    );
    (StatusCode::INTERNAL_SERVER_ERROR, [(CACHE_CONTROL, "no-store")], Html(page)).into_response()
}

fn words(app: &App, failure: &Failure, reads: bool) -> Value {
    let (title, text) = match failure {
        Failure::NotFound => {
            ("Nothing is moored here", "The page you asked for does not exist. The address may be mistyped, or the task is gone.")
        }
        Failure::WrongMethod => ("That does not work here", "This address exists, but not for what was asked of it."),
        Failure::CrossSite => (
            "That form came from somewhere else",
            "Slipway accepts changes only from its own pages. If you were on the board, open it again and repeat what you did.",
        ),
        Failure::SignedOut => ("Nobody is signed in", "Sign in to go on."),
        Failure::OutOfDate => (
            "This form is out of date",
            "You have signed in anew since its page was opened, or may not do this any more. Nothing was changed. Open the page again and repeat what you did.",
        ),
        Failure::BadForm(StatusCode::PAYLOAD_TOO_LARGE) => {
            ("That is too long", "What was sent is longer than a task can be. Nothing was saved.")
        }
        Failure::BadForm(StatusCode::REQUEST_TIMEOUT) => {
            ("That form came too slowly", "It did not arrive in time. Nothing was saved; send it again.")
        }
        Failure::BadForm(_) => ("That form could not be read", "What was sent is not the form of this page. Nothing was saved."),
        Failure::BackendAway { .. } => (
            "The board is out of reach",
            "The service that keeps the tasks is starting, being updated or away for a moment. Your tasks are safe.",
        ),
        Failure::BackendSlow { .. } => {
            ("The board is taking too long", "The service that keeps the tasks did not answer in time. Your tasks are safe.")
        }
        Failure::Overloaded => ("Too much at once", "There are more requests than Slipway can answer right now."),
        Failure::Broken(_) => ("Something broke", "Slipway made a mistake and has written it down. Trying again may help."),
    };
    let draft = match failure {
        Failure::BackendAway { draft } | Failure::BackendSlow { draft } => draft.as_ref(),
        _ => None,
    };
    let detail = match failure {
        // Shown to whoever edits templates, and to nobody else.
        Failure::Broken(reason) if app.0.config.template_reload => Some(reason.as_str()),
        _ => None,
    };
    context! {
        status => failure.status().as_u16(),
        title,
        text,
        draft => Serde(draft),
        detail,
        // A page with a draft must not replace itself: the draft would be lost.
        retry_seconds => (failure.status() == StatusCode::SERVICE_UNAVAILABLE && draft.is_none()).then_some(RETRY_SECONDS),
        unsaved => !reads && failure.status() == StatusCode::SERVICE_UNAVAILABLE,
        // What was sent by a form cannot be repeated by loading its address again.
        retry_path => (!reads).then_some("/"),
    }
}
