//! The routes below `/_dev/`.

mod actions;
mod events;
mod guard;
mod pages;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Query, State};
use axum::http::StatusCode;
use axum::http::header::CACHE_CONTROL;
use axum::middleware;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};

use crate::store::Store;
use crate::store::logs::Filter;

/// How many log lines one question gets: unless it says otherwise, and at most.
const LINES: (usize, usize) = (500, 5000);

/// All routes. What tells something about the project is answered under names that no stranger can own, what changes something under fewer.
pub(crate) fn router(store: Arc<Store>, hosts: Vec<String>) -> Router {
    let hosts: Arc<[String]> = hosts.into();
    let readable = Router::new()
        .route("/_dev/events", get(events::stream))
        .route("/_dev/logs", get(logs))
        .route_layer(middleware::from_fn_with_state(Arc::clone(&hosts), guard::reading));
    let changing = Router::new()
        .route("/_dev/actions", post(actions::run))
        .layer(DefaultBodyLimit::max(4096))
        .route_layer(middleware::from_fn_with_state(hosts, guard::changing));
    Router::new()
        .route("/_dev/health", get(health))
        .merge(pages::routes())
        .merge(readable)
        .merge(changing)
        .fallback(|| async { (StatusCode::NOT_FOUND, "nothing is at this address\n") })
        .with_state(store)
}

async fn health(State(store): State<Arc<Store>>) -> impl IntoResponse {
    ([(CACHE_CONTROL, "no-store")], Json(store.health()))
}

/// The newest log lines that pass a filter, for programs. The dashboard follows the events.
async fn logs(State(store): State<Arc<Store>>, Query(filter): Query<Filter>) -> impl IntoResponse {
    let most = filter.limit.unwrap_or(LINES.0).min(LINES.1);
    ([(CACHE_CONTROL, "no-store")], Json(store.search(&filter, most)))
}
