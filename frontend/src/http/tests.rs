//! Tests of the routes with a backend in the same process, which answers what a test wants.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::json;
use tower::ServiceExt as _;

use super::{App, router};
use crate::config::Config;

const FORM: &str = "application/x-www-form-urlencoded";
const TASK: &str = "0198aaaa-0000-7000-8000-000000000001";

/// What the fake backend was asked: method, path with query, request id, body.
type Asked = Arc<Mutex<Vec<(String, String, String, String)>>>;

struct Page {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Page {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

fn source_dir() -> PathBuf {
    env!("CARGO_MANIFEST_DIR").into()
}

fn config(backend_url: &str, assets_dir: &Path) -> Config {
    let pairs = [("BACKEND_URL", backend_url), ("ENVIRONMENT", "unit"), ("REVISION", "0123456789abcdef")];
    let mut config = Config::read(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())).unwrap();
    config.assets_dir = assets_dir.to_owned();
    config
}

/// Starts a backend that answers every request with `answer`.
async fn backend(answer: impl Fn(&str, &str) -> Response + Clone + Send + Sync + 'static) -> (String, Asked) {
    let asked = Asked::default();
    let seen = Arc::clone(&asked);
    let app = Router::new().fallback(move |request: Request| async move {
        let (parts, body) = request.into_parts();
        let body = String::from_utf8(to_bytes(body, 1 << 20).await.unwrap().to_vec()).unwrap();
        let id = parts.headers.get("x-request-id").map_or("", |id| id.to_str().unwrap()).to_owned();
        seen.lock().unwrap().push((parts.method.to_string(), parts.uri.to_string(), id, body));
        answer(parts.method.as_str(), parts.uri.path())
    });
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    (url, asked)
}

/// A URL where nothing listens.
async fn nowhere() -> String {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

async fn call(app: &Router, request: axum::http::request::Builder, body: &str) -> Page {
    let response = app.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = String::from_utf8_lossy(&to_bytes(body, 1 << 20).await.unwrap()).into_owned();
    Page { status: parts.status, headers: parts.headers, body }
}

async fn get(app: &Router, path: &str) -> Page {
    call(app, Request::get(path), "").await
}

async fn post(app: &Router, path: &str, body: &str) -> Page {
    call(app, Request::post(path).header(header::CONTENT_TYPE, FORM), body).await
}

fn frontend(backend_url: &str) -> Router {
    router(App::new(config(backend_url, &source_dir())).unwrap())
}

fn task(status: &str, title: &str) -> serde_json::Value {
    let completed_at = (status == "done").then_some("2026-03-08T10:00:00Z");
    json!({ "id": TASK, "title": title, "status": status, "created_at": "2026-03-07T09:05:00Z", "completed_at": completed_at })
}

fn well(method: &str, path: &str) -> Response {
    match (method, path) {
        ("GET", "/api/v1/tasks") => {
            Json(json!({ "tasks": [task("open", "Paint <the> keel"), task("done", "Order timber")], "next": null })).into_response()
        }
        ("GET", "/api/v1/stats") => {
            let at = "2026-03-08T10:00:00Z";
            Json(json!({ "open": 70, "done": 80, "created": 4711, "last_activity_at": at, "updated_at": at })).into_response()
        }
        ("POST", "/api/v1/tasks") => (StatusCode::CREATED, Json(task("open", "x"))).into_response(),
        ("POST", _) => Json(task("done", "x")).into_response(),
        ("GET", "/api/v1/health/") => Json(json!({ "status": "ok" })).into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

fn without_stats(method: &str, path: &str) -> Response {
    if path == "/api/v1/stats" { StatusCode::SERVICE_UNAVAILABLE.into_response() } else { well(method, path) }
}

fn refusing(method: &str, path: &str) -> Response {
    if method == "GET" {
        return well(method, path);
    }
    let problem = json!({ "status": 422, "detail": "Invalid input", "errors": [{ "field": "title", "detail": "must not be empty" }] });
    (StatusCode::UNPROCESSABLE_ENTITY, Json(problem)).into_response()
}

#[tokio::test]
async fn the_board_shows_tasks_escaped_and_counted() {
    let (url, asked) = backend(well).await;
    let page = call(&frontend(&url), Request::get("/").header("x-request-id", "0123456789abcdef"), "").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.body.contains("Paint &lt;the&gt; keel") && !page.body.contains("<the>"));
    assert!(page.body.contains("Order timber"));
    assert!(page.body.contains("data-count=\"open\">1<"), "a whole list is its own count");
    assert!(page.body.contains(">4711</span> tasks created"));
    assert!(page.body.contains("data-whole=\"true\" data-first-page=\"true\""), "scripts read these words");
    assert_eq!(page.header("cache-control"), "private, no-cache");
    assert_eq!(page.header("x-request-id"), "0123456789abcdef");
    assert!(asked.lock().unwrap().iter().all(|(_, _, id, _)| id == "0123456789abcdef"), "the backend gets the same id");
}

#[tokio::test]
async fn the_board_is_shown_without_counts_of_the_worker() {
    let (url, _) = backend(without_stats).await;
    assert_eq!(get(&frontend(&url), "/").await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_empty_board_says_what_to_do() {
    let (url, _) = backend(|method, path| match path {
        "/api/v1/tasks" => Json(json!({ "tasks": [], "next": null })).into_response(),
        _ => well(method, path),
    })
    .await;
    assert!(get(&frontend(&url), "/").await.body.contains("Add the first task"));
}

#[tokio::test]
async fn a_long_list_leads_on_and_back() {
    let (url, asked) = backend(|method, path| match path {
        "/api/v1/tasks" => Json(json!({ "tasks": [task("open", "x")], "next": "a&b=" })).into_response(),
        _ => well(method, path),
    })
    .await;
    let page = get(&frontend(&url), "/?before=c%26d").await;
    assert!(page.body.contains("href=\"/?before=a%26b%3D\""), "{}", page.body);
    assert!(page.body.contains("Back to the newest"));
    assert!(page.body.contains("data-count=\"open\">70<"), "a part of a list is counted by the worker");
    assert!(asked.lock().unwrap().iter().any(|(_, path, _, _)| path == "/api/v1/tasks?before=c%26d"));
}

#[tokio::test]
async fn a_form_that_worked_redirects() {
    let (url, asked) = backend(well).await;
    let app = frontend(&url);
    let created = post(&app, "/tasks", "title=Caulk+%26+tar").await;
    assert_eq!((created.status, created.header("location")), (StatusCode::SEE_OTHER, format!("/#task-{TASK}").as_str()));
    let completed = post(&app, &format!("/tasks/{TASK}/complete"), "").await;
    assert_eq!((completed.status, completed.header("location")), (StatusCode::SEE_OTHER, "/"));
    let asked = asked.lock().unwrap();
    assert_eq!(asked[0].3, "{\"title\":\"Caulk & tar\"}");
    assert_eq!(asked[1].1, format!("/api/v1/tasks/{TASK}/complete"));
}

#[tokio::test]
async fn refused_input_is_kept_with_the_reason() {
    let (url, _) = backend(refusing).await;
    let page = post(&frontend(&url), "/tasks", "title=%22%3E").await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.body.contains("The title must not be empty."));
    assert!(page.body.contains("value=\"&quot;&gt;\"") && page.body.contains("aria-invalid=\"true\""));
    assert!(page.body.contains("Order timber"), "the list stays");
}

#[tokio::test]
async fn forms_of_other_sites_are_refused_before_the_backend_is_asked() {
    let (url, asked) = backend(well).await;
    let request = Request::post("/tasks").header("sec-fetch-site", "cross-site").header(header::CONTENT_TYPE, FORM);
    let page = call(&frontend(&url), request, "title=x").await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.body.contains("somewhere else"));
    assert!(asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_backend_that_is_away_gets_a_page_that_comes_back() {
    let app = frontend(&nowhere().await);
    let page = get(&app, "/").await;
    assert_eq!(page.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(page.header("retry-after"), "3");
    assert_eq!(page.header("cache-control"), "no-store");
    assert!(page.body.contains("http-equiv=\"refresh\" content=\"3\"") && page.body.contains("retry."));
    let draft = post(&app, "/tasks", "title=Not+lost").await;
    assert_eq!(draft.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(draft.body.contains("value=\"Not lost\"") && !draft.body.contains("http-equiv=\"refresh\""));
    let completed = post(&app, &format!("/tasks/{TASK}/complete"), "").await;
    assert!(completed.body.contains("content=\"3; url=&#x2f;\""), "{}", completed.body);
}

#[tokio::test]
async fn what_is_not_there_has_a_page() {
    let (url, asked) = backend(|_, _| StatusCode::NOT_FOUND.into_response()).await;
    let app = frontend(&url);
    let page = get(&app, "/nowhere").await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert!(page.body.contains("<h1>") && !page.body.contains("http-equiv=\"refresh\""));
    assert_eq!(call(&app, Request::delete("/"), "").await.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(post(&app, "/tasks/..%2Fstats/complete", "").await.status, StatusCode::NOT_FOUND);
    assert!(asked.lock().unwrap().is_empty(), "an id that is no id is not sent on");
    assert_eq!(post(&app, &format!("/tasks/{TASK}/complete"), "").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_form_address_loaded_again_leads_back() {
    let app = frontend(&nowhere().await);
    for path in ["/tasks", "/tasks/x/complete"] {
        assert_eq!(get(&app, path).await.header("location"), "/");
    }
}

#[tokio::test]
async fn input_without_bounds_is_refused() {
    let (url, asked) = backend(well).await;
    let app = frontend(&url);
    assert_eq!(post(&app, "/tasks", &"x".repeat(20_000)).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    let other = call(&app, Request::post("/tasks").header(header::CONTENT_TYPE, "text/plain"), "title=x").await;
    assert_eq!(other.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(asked.lock().unwrap().is_empty());
    let (endless, _) = backend(|_, _| " ".repeat(3 << 20).into_response()).await;
    assert_eq!(get(&frontend(&endless), "/").await.status, StatusCode::INTERNAL_SERVER_ERROR);
}

#[tokio::test]
async fn every_asset_of_a_page_may_be_kept_for_ever() {
    let (url, _) = backend(well).await;
    let app = frontend(&url);
    let page = get(&app, "/").await.body;
    let paths: Vec<_> = page.split('"').filter(|text| text.starts_with("/static/")).collect();
    assert!(paths.len() >= 8, "{paths:?}");
    for path in paths {
        let asset = get(&app, path).await;
        assert_eq!(asset.status, StatusCode::OK, "{path}");
        assert_eq!(asset.header("cache-control"), "public, max-age=31536000, immutable", "{path}");
    }
    let plain = get(&app, "/static/app.css").await;
    assert_eq!((plain.header("cache-control"), plain.header("content-type")), ("no-cache", "text/css; charset=utf-8"));
    let known = call(&app, Request::get("/static/app.css").header("if-none-match", plain.header("etag")), "").await;
    assert_eq!((known.status, known.body.as_str()), (StatusCode::NOT_MODIFIED, ""));
    assert_eq!(get(&app, "/static/nothing.css").await.status, StatusCode::NOT_FOUND);
    assert_eq!(get(&app, "/static/..%2Ftemplates%2Flayout.html").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_container_is_ready_once_and_then_alive() {
    let away = App::new(config(&nowhere().await, &source_dir())).unwrap();
    let waiting = get(&router(away.clone()), "/health/container").await;
    assert_eq!(waiting.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(waiting.body.contains("the backend is away"), "{}", waiting.body);
    assert_eq!(get(&router(away.clone()), "/health").await.status, StatusCode::OK);

    // The backend answers once and never again.
    let answered = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (url, asked) = backend(move |method, path| {
        if answered.swap(true, std::sync::atomic::Ordering::Relaxed) {
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        } else {
            well(method, path)
        }
    })
    .await;
    let app = frontend(&url);
    for _ in 0..3 {
        assert_eq!(get(&app, "/health/container").await.status, StatusCode::OK);
    }
    assert_eq!(asked.lock().unwrap().len(), 1, "the backend is not asked again");
}

#[tokio::test]
async fn versions_are_told() {
    let version: serde_json::Value = serde_json::from_str(&get(&frontend(&nowhere().await), "/version").await.body).unwrap();
    assert_eq!(version["name"], "frontend");
    assert_eq!(version["revision"], "0123456789abcdef");
}

#[tokio::test]
async fn a_panic_is_a_page() {
    let app = App::new(config(&nowhere().await, &source_dir())).unwrap();
    let pages = Router::new()
        .route(
            "/panic",
            axum::routing::get(|| async {
                if true {
                    panic!("on purpose")
                }
            }),
        )
        .layer(tower_http::catch_panic::CatchPanicLayer::custom(super::failure::from_panic))
        .layer(axum::middleware::from_fn_with_state(app.clone(), super::pages::render_failure));
    let page = get(&pages, "/panic").await;
    assert_eq!(page.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(page.body.contains("Something broke") && !page.body.contains("on purpose"));
}

#[tokio::test]
async fn an_edit_is_served_without_a_restart_and_a_mistake_is_shown() {
    let directory = tempfile::tempdir().unwrap();
    for part in ["static", "templates"] {
        std::fs::create_dir(directory.path().join(part)).unwrap();
        for entry in std::fs::read_dir(source_dir().join(part)).unwrap() {
            let path = entry.unwrap().path();
            std::fs::copy(&path, directory.path().join(part).join(path.file_name().unwrap())).unwrap();
        }
    }
    let (url, _) = backend(well).await;
    let mut config = config(&url, directory.path());
    config.template_reload = true;
    let app = router(App::new(config).unwrap());
    let template = directory.path().join("templates/board.html");
    let original = std::fs::read_to_string(&template).unwrap();

    let style = |page: &str| page.split('"').find(|text| text.starts_with("/static/app.") && text.ends_with(".css")).unwrap().to_owned();
    let before = style(&get(&app, "/").await.body);
    std::fs::write(directory.path().join("static/app.css"), "body { color: teal }").unwrap();
    let after = style(&get(&app, "/").await.body);
    assert_ne!(before, after);
    assert_eq!(get(&app, &after).await.body, "body { color: teal }");

    std::fs::write(&template, original.replace("On the slip", "In the yard today")).unwrap();
    assert!(get(&app, "/").await.body.contains("In the yard today"));
    std::fs::write(&template, format!("{original}{{{{ oops")).unwrap();
    let broken = get(&app, "/").await;
    assert_eq!(broken.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(broken.body.contains("board.html"), "{}", broken.body);
    std::fs::write(&template, original).unwrap();
    assert_eq!(get(&app, "/").await.status, StatusCode::OK);
}
