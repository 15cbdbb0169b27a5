//! The routes of the site, through the proxy.

mod assets;
mod away;
pub(crate) mod files;
mod headers;
mod identity;
mod limits;
pub(crate) mod live;

use http::Method;

use crate::harness::shared;

/// What only the proxy's own pages contain.
const OF_THE_PROXY: &str = "/_pages/page.css";

#[tokio::test]
async fn every_route_leads_where_it_should() {
    let (stack, _turn) = shared().await;
    stack.get("/").await.with(200).page("<h1");
    let missing = stack.get("/no-such-page").await.with(404).page("Slipway");
    assert!(!missing.body.contains(OF_THE_PROXY), "the frontend has a page of its own for this");
    assert_eq!(stack.get("/health").await.with(200).json()["status"], "ok");
    assert_eq!(stack.get("/api/v1/health/").await.with(200).json()["status"], "ok");
    assert_eq!(stack.get("/api/v1/health/ready").await.with(200).json()["status"], "ready");
    assert!(stack.get("/api/v1/version").await.with(200).json()["version"].is_string());
    assert!(stack.get("/api/v1/tasks").await.with(200).json()["tasks"].is_array());
    assert!(stack.get("/api/v1/stats").await.with(200).json()["created"].is_number());
    assert_eq!(stack.get("/api/v1/config/frontend/").await.with(200).json()["environment"], "test");
    let missing = stack.get("/api/v1/no-such-thing").await.with(404).problem();
    // That the backend answered, not the proxy, shows in what only the backend adds.
    assert_eq!(missing.json()["instance"], "/api/v1/no-such-thing");
    // Pages of the backend, for others than this account.
    stack.get("/admin/").await.with(403).page("administrators");
    assert_eq!(stack.get("/media/no-such-file").await.with(404).problem().json()["instance"], "/media/no-such-file");
    // A WebSocket is asked for in another way.
    stack.get("/ws").await.with(400).problem();
    stack.get("/_dev/").await.with(404).page(OF_THE_PROXY);
}

#[tokio::test]
async fn the_proxy_reports_each_upstream() {
    let (stack, _turn) = shared().await;
    let report = stack.get("/health/upstreams").await.with(200);
    assert_eq!(report.header("content-type"), "application/json");
    assert_eq!(report.header("cache-control"), "no-store");
    assert_eq!(report.json(), serde_json::json!({ "status": "ok", "upstreams": { "frontend": "ok", "backend": "ok" } }));
}

#[tokio::test]
async fn what_is_internal_cannot_be_reached() {
    let (stack, _turn) = shared().await;
    let internal = ["/_media/", "/_media/a.png", "/%5fmedia/a.png", "/media/../_media/a.png", "/_pages/error.html", "/_ask/backend"];
    for path in internal.into_iter().chain(["/_ask/frontend", "/_ask/answered", "/health/anything"]) {
        // Sent as it is: a client would tidy the address.
        let answer = stack.raw(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes());
        assert_eq!(answer.status, 404, "{path}: {answer:#?}");
    }
}

#[tokio::test]
async fn files_with_a_dot_are_hidden() {
    let (stack, _turn) = shared().await;
    for path in ["/.git/config", "/.env", "/static/.env", "/a/.b/c", "/%2egit/config"] {
        stack.get(path).await.with(404).page(OF_THE_PROXY);
    }
    // The API has no files, and says in its own format what it does not have.
    for path in ["/api/.env", "/api/v1/exports/.%C3%81%08"] {
        let answer = stack.get(path).await.with(404);
        assert_eq!(answer.header("content-type"), "application/problem+json", "{path}: {answer:#?}");
    }
    // What RFC 8615 put there is for the application to answer.
    let well_known = stack.get("/.well-known/security.txt").await.with(404);
    assert!(!well_known.body.contains(OF_THE_PROXY), "{well_known:#?}");
}

#[tokio::test]
async fn methods_that_nobody_needs_are_refused() {
    let (stack, _turn) = shared().await;
    for method in [Method::TRACE, Method::from_bytes(b"PROPFIND").unwrap()] {
        stack.send(method.clone(), "/", &[]).await.with(405).page(OF_THE_PROXY);
        stack.send(method, "/api/v1/tasks", &[]).await.with(405);
    }
    let connect = stack.raw(b"CONNECT db:5432 HTTP/1.1\r\nHost: db:5432\r\nConnection: close\r\n\r\n");
    assert!(connect.status.is_client_error(), "{connect:#?}");
    let head = stack.send(Method::HEAD, "/", &[]).await.with(200);
    assert_eq!(head.body, "");
}
