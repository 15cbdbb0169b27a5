//! HTTP: what this server answers, and the order in which a request passes its layers.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::error_handling::HandleErrorLayer;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use tokio::sync::Semaphore;
use tower::ServiceBuilder;
use tower::limit::GlobalConcurrencyLimitLayer;
use tower_http::catch_panic::CatchPanicLayer;

use crate::backend::Backend;
use crate::config::Config;
use crate::site::SiteStore;

mod board;
mod failure;
mod health;
mod pages;
mod request_id;
mod same_origin;
mod static_files;

/// How many pages are made at once; more are refused at once instead of queued, because a queue only makes everyone wait.
const CONCURRENT_PAGES: usize = 256;
/// How long a page may take: longer than two exchanges with the backend in a row.
const PAGE_TIMEOUT: Duration = Duration::from_secs(8);
/// The largest form that is read: a title with room to spare.
const FORM_LIMIT: usize = 16 * 1024;

/// What handlers share.
#[derive(Debug, Clone)]
pub struct App(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    config: Config,
    backend: Backend,
    site: SiteStore,
    /// Set for good once the backend has answered the first time.
    backend_seen: AtomicBool,
}

impl App {
    /// Reads the site. A template or asset that cannot be used is an error at start, not at the first request.
    pub fn new(config: Config) -> anyhow::Result<Self> {
        let site = SiteStore::open(&config.assets_dir, config.template_reload)?;
        let backend = Backend::new(&config.backend_url).context("the HTTP client does not start")?;
        Ok(Self(Arc::new(Shared { config, backend, site, backend_seen: AtomicBool::new(false) })))
    }
}

/// All routes with all layers.
pub fn router(app: App) -> Router {
    // The last layer added is the first that a request meets.
    let limits = ServiceBuilder::new()
        .layer(HandleErrorLayer::new(failure::from_layer))
        .load_shed()
        .layer(GlobalConcurrencyLimitLayer::with_semaphore(Arc::new(Semaphore::new(CONCURRENT_PAGES))))
        .timeout(PAGE_TIMEOUT)
        .layer(CatchPanicLayer::custom(failure::from_panic));
    let pages = Router::new()
        .route("/", get(board::show))
        .route("/tasks", post(board::create).get(board::back))
        .route("/tasks/{id}/complete", post(board::complete).get(board::back))
        .fallback(failure::no_such_page)
        .method_not_allowed_fallback(failure::no_such_method)
        .layer(DefaultBodyLimit::max(FORM_LIMIT))
        .layer(from_fn(same_origin::require))
        .layer(limits)
        .layer(from_fn_with_state(app.clone(), pages::render_failure));
    Router::new()
        .route("/health", get(health::live))
        .route("/health/container", get(health::container))
        .route("/version", get(health::version))
        .route("/favicon.ico", get(static_files::favicon))
        .route("/static/{file}", get(static_files::send))
        .merge(pages)
        .layer(from_fn(request_id::log))
        .with_state(app)
}

#[cfg(test)]
mod tests;
