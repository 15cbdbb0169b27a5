//! The board: the list of tasks with its filters, and the form for a new one. After a form that worked comes a redirect, so that loading the page again
//! repeats nothing.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Redirect, Response};
use minijinja::context;
use minijinja::value::Serde;
use serde::Deserialize;
use tracing::warn;

use super::failure::{Draft, Failure};
use super::form::{Asked, Sent};
use super::{App, pages};
use crate::backend::{BackendError, Caller, Filter, Status};

/// The form that creates a task.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NewTask {
    title: String,
}

/// `GET /`: the board.
pub(crate) async fn show(State(app): State<App>, caller: Caller, Asked(filter): Asked<Filter>) -> Result<Response, Failure> {
    page(&app, &caller, StatusCode::OK, &filter.cleaned(), "", "").await
}

/// `POST /tasks`: creates a task and shows it on the board.
pub(crate) async fn create(State(app): State<App>, Sent { caller, fields }: Sent<NewTask>) -> Result<Response, Failure> {
    let title = fields.title;
    match app.0.backend.create(&title, &caller).await {
        Ok(task) => Ok(Redirect::to(&format!("/#task-{}", task.id)).into_response()),
        Err(BackendError::Refused(refusal)) => {
            let reason = refusal.fields.get("title").unwrap_or(&refusal.detail);
            page(&app, &caller, refusal.status, &Filter::default(), &title, reason)
                .await
                .map_err(|failure| failure.keeping(draft(&title, &caller)))
        }
        Err(reason) => Err(Failure::from(reason).keeping(draft(&title, &caller))),
    }
}

/// `GET` at the address of a form, as when the page that answered it is loaded again: leads back to the board.
pub(crate) async fn back() -> Redirect {
    Redirect::to("/")
}

fn draft(title: &str, caller: &Caller) -> Draft {
    Draft::new("/tasks", caller).field("title", Some("What you wrote"), title)
}

async fn page(app: &App, caller: &Caller, status: StatusCode, filter: &Filter, draft: &str, error: &str) -> Result<Response, Failure> {
    let backend = &app.0.backend;
    let (session, list, stats) = tokio::join!(backend.session(caller), backend.tasks(filter, caller), backend.stats(caller));
    let session = session?;
    let list = list.map_err(|reason| match reason {
        // What is refused here is a position in the list, which is an address like others.
        BackendError::Refused(_) => Failure::NotFound,
        reason => reason.into(),
    })?;
    // The board is worth showing without its counts.
    let stats = stats.inspect_err(|reason| warn!("no counts: {reason}")).ok();
    let (open, done): (Vec<_>, Vec<_>) = list.tasks.iter().partition(|task| task.status == Status::Open);
    let first_page = filter.before.is_empty();
    let whole = first_page && list.next.is_none() && !filter.is_active();
    // A list that is all here is its own count, exact at once; the worker's counts come a moment later, or not at all where no worker runs.
    let counts = match &stats {
        Some(stats) if !whole => context! { open => stats.open, done => stats.done },
        _ => context! { open => open.len(), done => done.len() },
    };
    let with = |before: Option<String>| format!("/{}", Filter { before: before.unwrap_or_default(), ..filter.clone() }.query());
    let data = context! {
        found => list.tasks.len(),
        open => Serde(open),
        done => Serde(done),
        counts,
        stats => Serde(stats),
        draft,
        error,
        whole,
        first_page,
        filter => Serde(filter),
        filtered => filter.is_active(),
        here => with(Some(filter.before.clone())),
        newest => with(None),
        more => list.next.map(|next| with(Some(next))),
    };
    pages::render(app, status, "board.html", Some(&session), data)
}
