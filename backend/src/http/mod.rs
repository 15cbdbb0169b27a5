//! The HTTP interface: the router in one place, grouped by who asks.
mod accounts;
mod admin;
mod attachments;
pub mod auth;
mod config;
mod error;
mod exports;
mod form;
mod health;
mod idempotent;
mod json;
mod linger;
mod live;
mod observe;
pub mod openapi;
mod origin;
mod pace;
mod rate;
mod request_id;
mod resets;
pub mod server;
mod shares;
mod small;
mod state;
mod stats;
mod tasks;
mod version;

pub use self::error::{FieldError, Problem};
pub use self::rate::RateLimit;
pub use self::shares::Shares;
pub use self::state::{App, State};

use axum::error_handling::HandleErrorLayer;
use axum::extract::DefaultBodyLimit;
use axum::routing::{any, delete, get, patch, post, put};
use axum::{BoxError, Router, middleware};
use std::time::Duration;
use tower::ServiceBuilder;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower::load_shed::LoadShedLayer;
use tower::timeout::TimeoutLayer;

/// What the server takes on at most.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Requests at once; more are refused, so that those under way finish.
    pub requests: usize,
    /// The time for one request.
    pub request_time: Duration,
    /// The size of a JSON body.
    pub body_bytes: usize,
    /// The time for all of a JSON body. It comes before that of the request.
    pub body_time: Duration,
    /// Uploads of one account at once: a share of all, so that no account keeps others from theirs.
    pub uploads_per_account: usize,
    /// Open WebSockets.
    pub sockets: usize,
    /// Open WebSockets of one account.
    pub sockets_per_account: usize,
    /// How often a socket's client is asked for a sign of life, and whether its session still is one: more often than proxies close silent connections.
    pub ping: Duration,
    /// How long requests are still answered after a termination signal on connections that are open then.
    pub last_requests: Duration,
    /// How long requests may take to finish after a termination signal.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            requests: 256,
            request_time: Duration::from_secs(10),
            body_bytes: 64 * 1024,
            body_time: Duration::from_secs(10),
            uploads_per_account: 4,
            // Each takes some kilobytes here and in the proxy.
            sockets: 4000,
            // One for each page that is open, in all browsers of a person.
            sockets_per_account: 32,
            ping: Duration::from_secs(20),
            last_requests: Duration::from_millis(300),
            // Containers are killed 10 s after the signal.
            drain: Duration::from_secs(8),
        }
    }
}

/// All routes.
pub fn router(app: App, limits: &Limits) -> Router {
    let small = small::Bounds { bytes: limits.body_bytes, time: limits.body_time };
    // For pages, scripts and other clients.
    let api = Router::new()
        .route("/api/v1/users", get(accounts::people).post(accounts::sign_up))
        .route("/api/v1/sessions", post(accounts::sign_in))
        .route("/api/v1/session", get(accounts::current).delete(accounts::sign_out))
        .route("/api/v1/account", patch(accounts::rename).delete(accounts::remove))
        .route("/api/v1/account/password", put(accounts::change_password))
        .route("/api/v1/password-resets", post(resets::request))
        .route("/api/v1/password-resets/complete", post(resets::complete))
        .route("/api/v1/tasks", get(tasks::list).post(tasks::create))
        .route("/api/v1/tasks/{id}", get(tasks::show).patch(tasks::update).delete(tasks::remove))
        .route("/api/v1/tasks/{id}/complete", post(tasks::complete))
        .route("/api/v1/tasks/{id}/reopen", post(tasks::reopen))
        .route("/api/v1/tasks/{id}/attachments", get(attachments::list))
        .route("/api/v1/attachments/{id}", delete(attachments::remove))
        .route("/media/attachments/{id}/{name}", get(attachments::send))
        .route("/api/v1/exports", get(exports::list).post(exports::create))
        .route("/api/v1/exports/{id}", get(exports::show))
        .route("/media/exports/{id}/tasks.csv", get(exports::send))
        .route("/api/v1/stats", get(stats::show))
        .route("/api/v1/config/frontend/", get(config::frontend))
        .route("/api/v1/openapi.json", get(openapi::json))
        .route("/api/v1/docs", get(openapi::page))
        .route("/ws", any(live::connect))
        .merge(admin::routes())
        .layer(middleware::from_fn(rate::tell))
        .layer(middleware::from_fn(origin::require_same))
        .layer(
            ServiceBuilder::new()
                // A place is taken when the body is here: a slow sender takes none.
                .layer(middleware::from_fn_with_state(small, small::collect))
                .layer(HandleErrorLayer::new(refuse))
                .layer(LoadShedLayer::new())
                .layer(GlobalConcurrencyLimitLayer::new(limits.requests))
                .layer(TimeoutLayer::new(limits.request_time)),
        );
    // For operators and machines: not subject to the limits, because a busy server is not an ill one.
    let operations = Router::new()
        .route("/api/v1/health/", get(health::live))
        .route("/api/v1/health/ready", get(health::ready))
        .route(crate::health::CONTAINER_PATH, get(health::container))
        .route("/api/v1/version", get(version::show));
    Router::new()
        .merge(api)
        .merge(attachments::uploads())
        .merge(operations)
        .fallback(async || Problem::not_found("there is nothing at this address"))
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(DefaultBodyLimit::max(limits.body_bytes))
        .layer(middleware::from_fn_with_state(app.metrics.clone(), observe::observe))
        .with_state(app)
}

/// What the limits answer.
async fn refuse(error: BoxError) -> Problem {
    if error.is::<tower::timeout::error::Elapsed>() {
        Problem::too_slow()
    } else {
        Problem::unavailable("the server is busy, try again in a moment")
    }
}
