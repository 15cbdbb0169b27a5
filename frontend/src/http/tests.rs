//! Tests of the routes with a backend in the same process, which answers what a test wants.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::{App, router};
use crate::config::Config;

const FORM: &str = "application/x-www-form-urlencoded";
const COOKIE: &str = "theme=dark; session=abc";
const TASK: &str = "0198aaaa-0000-7000-8000-000000000001";

/// What the fake backend was asked.
struct Ask {
    method: String,
    path: String,
    headers: HeaderMap,
    body: String,
}

type Asked = Arc<Mutex<Vec<Ask>>>;

impl Ask {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

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
        let (method, path) = (parts.method.to_string(), parts.uri.to_string());
        seen.lock().unwrap().push(Ask { method, path, headers: parts.headers, body });
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
    // Templates escape slashes as well, which tests would be hard to read with.
    let body = String::from_utf8_lossy(&to_bytes(body, 1 << 20).await.unwrap()).replace("&#x2f;", "/");
    if parts.headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"text/html")) {
        // What the content security policy forbids is not even written, on any page of any test.
        assert!(!body.contains("style=") && !body.contains("<style") && !body.contains(" onclick"), "{body}");
        assert!(body.split("<script").skip(1).all(|tag| tag.starts_with(" type=\"module\" src=")), "{body}");
        assert!(body.contains("<html lang=\"en\">") && body.contains("</title>") && body.contains("href=\"#main\""), "{body}");
    }
    Page { status: parts.status, headers: parts.headers, body }
}

/// Asks for a page as somebody who is signed in.
async fn get(app: &Router, path: &str) -> Page {
    call(app, Request::get(path).header(header::COOKIE, COOKIE), "").await
}

/// Sends a form as somebody who is signed in.
async fn post(app: &Router, path: &str, body: &str) -> Page {
    call(app, Request::post(path).header(header::COOKIE, COOKIE).header(header::CONTENT_TYPE, FORM), body).await
}

fn frontend(backend_url: &str) -> Router {
    router(App::new(config(backend_url, &source_dir())).unwrap())
}

fn task(status: &str, title: &str) -> Value {
    let at = "2026-03-07T09:05:00Z";
    json!({
        "id": TASK, "title": title, "notes": "Two <coats>", "status": status, "private": true, "due_on": "2026-01-02", "version": 3,
        "assignee": { "id": "p2", "name": "Amara <A>" }, "created_by": { "id": "p1", "name": "Ines" }, "attachments": 2,
        "created_at": at, "updated_at": at, "completed_at": (status == "done").then_some("2026-03-08T10:00:00Z"),
    })
}

fn session() -> Value {
    json!({ "user": { "id": "p1", "email": "ines@example.com", "name": "Ines", "role": "user" }, "csrf_token": "t0ken", "expires_at": "2027-01-01T00:00:00Z" })
}

fn problem(status: StatusCode, field: Option<(&str, &str)>) -> Response {
    let errors: Vec<_> = field.iter().map(|(field, detail)| json!({ "field": field, "detail": detail })).collect();
    (status, Json(json!({ "status": status.as_u16(), "detail": "the reason", "errors": errors }))).into_response()
}

fn with_cookie(status: StatusCode) -> Response {
    (status, [(header::SET_COOKIE, "session=new; Path=/; HttpOnly; SameSite=Lax")], Json(session())).into_response()
}

/// A backend that knows somebody and does everything.
fn well(method: &str, path: &str) -> Response {
    let at = "2026-03-08T10:00:00Z";
    let file = json!({
        "id": "f1", "task_id": TASK, "name": "plan <1>.pdf", "content_type": "application/pdf", "bytes": 1_234_567, "sha256": "00",
        "created_by": null, "created_at": at, "url": "/media/attachments/f1/plan%20%3C1%3E.pdf",
    });
    let export = |state: &str, url: Option<&str>| json!({ "id": "e1", "state": state, "rows_done": 5, "rows_total": 8, "created_at": at, "finished_at": null, "url": url });
    match (method, path.trim_start_matches("/api/v1")) {
        ("GET", "/session") => Json(session()).into_response(),
        ("POST", "/sessions" | "/users") => with_cookie(StatusCode::CREATED),
        ("POST", "/password-resets") => StatusCode::ACCEPTED.into_response(),
        ("POST", "/password-resets/complete") => StatusCode::NO_CONTENT.into_response(),
        ("PUT", "/account/password") => with_cookie(StatusCode::OK),
        ("DELETE", "/session") => (StatusCode::NO_CONTENT, [(header::SET_COOKIE, "session=; Max-Age=0")]).into_response(),
        ("PATCH", "/account") => Json(session()["user"].clone()).into_response(),
        ("GET", "/users") => Json(json!({ "users": [{ "id": "p1", "name": "Ines" }, { "id": "p4", "name": "Otto" }] })).into_response(),
        ("GET", "/tasks") => {
            Json(json!({ "tasks": [task("open", "Paint <the> keel"), task("done", "Order timber")], "next": null })).into_response()
        }
        ("GET", "/stats") => {
            Json(json!({ "open": 70, "done": 80, "created": 4711, "last_activity_at": at, "updated_at": at })).into_response()
        }
        ("POST", "/tasks") => (StatusCode::CREATED, Json(task("open", "x"))).into_response(),
        ("GET" | "PATCH", path) if path == format!("/tasks/{TASK}") => Json(task("open", "Paint <the> keel")).into_response(),
        ("POST", path) if path.ends_with("/attachments") => (StatusCode::CREATED, Json(file)).into_response(),
        ("GET", path) if path.ends_with("/attachments") => Json(json!({ "attachments": [file] })).into_response(),
        ("POST", "/exports") => (StatusCode::ACCEPTED, Json(export("queued", None))).into_response(),
        ("GET", "/exports") => {
            let done = export("done", Some("/media/exports/e1/tasks.csv"));
            Json(json!({ "exports": [export("running", None), done] })).into_response()
        }
        ("POST", _) => Json(task("done", "x")).into_response(),
        ("DELETE", _) => StatusCode::NO_CONTENT.into_response(),
        ("GET", "/health/") => Json(json!({ "status": "ok" })).into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

mod account;
mod board;
mod reset;
mod service;
mod session;
mod task;
