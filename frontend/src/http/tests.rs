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

mod board;
mod service;
