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

use crate::backend::{Backend, UPLOAD_TIMEOUT};
use crate::config::Config;
use crate::site::SiteStore;

mod account;
mod attachments;
mod board;
mod exports;
mod failure;
mod form;
mod health;
mod pages;
mod request_id;
mod reset;
mod same_origin;
mod session;
mod small;
mod static_files;
mod task;

/// How many pages are made at once; more are refused at once instead of queued, because a queue only makes everyone wait.
const CONCURRENT_PAGES: usize = 256;
/// How long a page may take: longer than two exchanges with the backend in a row.
const PAGE_TIMEOUT: Duration = Duration::from_secs(8);
/// How many uploads are passed on at once.
const CONCURRENT_UPLOADS: usize = 64;
/// The largest form that is read: the longest notes, each of their letters written as four bytes of three characters.
const FORM_LIMIT: usize = 160 * 1024;

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
    let pages = Router::new()
        .route("/", get(board::show))
        .route("/tasks", post(board::create).get(board::back))
        .route("/tasks/{id}", get(task::show).post(task::edit))
        .route("/tasks/{id}/complete", post(task::complete).get(task::back))
        .route("/tasks/{id}/reopen", post(task::reopen).get(task::back))
        .route("/tasks/{id}/delete", post(task::delete).get(task::back))
        .route("/attachments/{id}/delete", post(attachments::delete).get(board::back))
        .route("/sign-in", get(session::sign_in_form).post(session::sign_in))
        .route("/sign-up", get(session::sign_up_form).post(session::sign_up))
        .route("/sign-out", post(session::sign_out).get(board::back))
        .route("/account", get(account::show).post(account::rename))
        .route("/account/password", post(account::change_password).get(|| async { form::go_on("/account") }))
        .route("/password/forgotten", get(reset::forgotten_form).post(reset::forgotten))
        .route("/password/reset", get(reset::reset_form).post(reset::reset))
        .route("/exports", get(exports::show).post(exports::create))
        .fallback(failure::no_such_page)
        .layer(DefaultBodyLimit::max(FORM_LIMIT));
    // The client of the backend bounds how long an upload may take, and for how long nothing may move in it.
    let uploads = Router::new().route("/tasks/{id}/attachments", post(attachments::upload).get(task::back));
    let pages = limited(pages, CONCURRENT_PAGES, PAGE_TIMEOUT)
        // A place is taken when the form is here: a slow sender takes none.
        .layer(from_fn(small::collect))
        .merge(limited(uploads, CONCURRENT_UPLOADS, UPLOAD_TIMEOUT + PAGE_TIMEOUT))
        .method_not_allowed_fallback(failure::no_such_method)
        .layer(from_fn(same_origin::require))
        .layer(from_fn_with_state(app.clone(), pages::render_failure));
    Router::new()
        .route("/health", get(health::live))
        .route("/health/container", get(health::container))
        .route("/health/site", get(health::site))
        .route("/version", get(health::version))
        .route("/favicon.ico", get(static_files::favicon))
        .route("/static/{file}", get(static_files::send))
        .merge(pages)
        .layer(from_fn(request_id::log))
        .with_state(app)
}

/// Routes of which at most `many` requests are answered at once, each in at most `time`.
fn limited(routes: Router<App>, many: usize, time: Duration) -> Router<App> {
    // The last layer added is the first that a request meets.
    routes.layer(
        ServiceBuilder::new()
            .layer(HandleErrorLayer::new(failure::from_layer))
            .load_shed()
            .layer(GlobalConcurrencyLimitLayer::with_semaphore(Arc::new(Semaphore::new(many))))
            .timeout(time)
            .layer(CatchPanicLayer::custom(failure::from_panic)),
    )
}

#[cfg(test)]
mod tests;
