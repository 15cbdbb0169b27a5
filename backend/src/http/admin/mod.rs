//! The administration: pages for people with the role `admin`, made here so that they work without the frontend.
mod jobs;
mod overview;
mod users;

use super::auth::SignedAdmin;
use super::error::Problem;
use super::state::App;
use axum::Router;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use minijinja::{Environment, Value, context};
use serde::de::DeserializeOwned;
use std::sync::LazyLock;

/// The routes under `/admin/`.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/admin/", get(overview::show))
        .route("/admin/users", get(users::list))
        .route("/admin/users/{id}/role", post(users::set_role))
        .route("/admin/jobs", get(jobs::list))
        .route("/admin/jobs/{id}/retry", post(jobs::retry))
        .layer(middleware::from_fn(explain))
}

static TEMPLATES: LazyLock<Result<Environment<'static>, minijinja::Error>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    for (name, source) in [
        ("layout.html", include_str!("../../../templates/admin/layout.html")),
        ("overview.html", include_str!("../../../templates/admin/overview.html")),
        ("users.html", include_str!("../../../templates/admin/users.html")),
        ("jobs.html", include_str!("../../../templates/admin/jobs.html")),
        ("failure.html", include_str!("../../../templates/admin/failure.html")),
    ] {
        environment.add_template(name, source)?;
    }
    Ok(environment)
});

/// A page for somebody, from a template.
fn page(name: &str, admin: &SignedAdmin, data: Value) -> Result<Html<String>, Problem> {
    let signed = admin.0.peek();
    let common = context! { name => signed.user.name.as_str(), csrf_token => signed.session.csrf_token.as_str() };
    render(name, context! { ..data, ..common })
}

fn render(name: &str, data: Value) -> Result<Html<String>, Problem> {
    let environment = TEMPLATES.as_ref().map_err(|error| Problem::internal().because(error))?;
    let page = environment.get_template(name).and_then(|template| template.render(data));
    page.map(Html).map_err(|error| Problem::internal().because(error))
}

/// Shows people a page where programs get a problem document, and leads who is not signed in to where that is done.
async fn explain(request: Request, next: Next) -> Response {
    // A form is not sent again after signing in; its list is where to go on.
    let place = request.uri().path().split('/').take(3).collect::<Vec<_>>().join("/");
    let mut response = present(next.run(request).await, &place);
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    response
}

fn present(response: Response, place: &str) -> Response {
    let Some(problem) = response.extensions().get::<Problem>() else { return response };
    if problem.status() == StatusCode::UNAUTHORIZED {
        return Redirect::to(&format!("/sign-in?next={place}")).into_response();
    }
    let status = problem.status();
    match render("failure.html", context! { status => status.as_u16(), reason => status.canonical_reason(), detail => problem.detail() }) {
        Ok(page) => {
            if let Some(cause) = problem.cause() {
                tracing::warn!(error = cause, "an administration page failed");
            }
            let mut explained = (status, page).into_response();
            let retry_after = response.headers().get(header::RETRY_AFTER).cloned();
            explained.headers_mut().extend(retry_after.map(|value| (header::RETRY_AFTER, value)));
            explained
        }
        Err(_) => response,
    }
}

/// A form of these pages, sent by an administrator with the right CSRF token.
struct Form<T>(T);

#[derive(serde::Deserialize)]
struct Sent<T> {
    csrf_token: String,
    #[serde(flatten)]
    fields: T,
}

impl<T: DeserializeOwned> FromRequest<App> for Form<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (mut parts, body) = request.into_parts();
        let SignedAdmin(form) = SignedAdmin::from_request_parts(&mut parts, app).await?;
        let sent = axum::Form::<Sent<T>>::from_request(Request::from_parts(parts, body), app).await;
        let axum::Form(sent) = sent.map_err(|rejection| Problem::new(rejection.status(), "the form cannot be read"))?;
        form.check_csrf(&sent.csrf_token)?;
        Ok(Form(sent.fields))
    }
}
