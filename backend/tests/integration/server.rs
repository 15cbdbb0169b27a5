//! What holds for every route: errors, request ids, origins, limits and the end of the server.
use crate::harness::{Bench, eventually, run, send};
use backend::http::Limits;
use reqwest::header::{ALLOW, RETRY_AFTER};
use reqwest::{Method, StatusCode};
use serde_json::json;
use sqlx::{Executor, Postgres, Transaction};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Locks the tasks, so that requests that create one hang until the transaction ends.
async fn lock_tasks(bench: &Bench) -> Transaction<'static, Postgres> {
    let mut transaction = bench.pool.begin().await.unwrap();
    transaction.execute("LOCK TABLE tasks").await.unwrap();
    transaction
}

/// Waits until a request hangs on the lock.
async fn request_hangs(bench: &Bench) {
    let sql =
        "SELECT count(*) FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    eventually("a request waits for the lock", async || sqlx::query_scalar::<_, i64>(sql).fetch_one(&bench.pool).await.unwrap() == 1).await;
}

#[tokio::test]
async fn unknown_routes_and_wrong_methods_are_problems() {
    run(async |bench| {
        let server = bench.server().await;
        server.get("/api/v1/nothing").await.assert_problem(StatusCode::NOT_FOUND, "/api/v1/nothing");
        server.get("/").await.assert_problem(StatusCode::NOT_FOUND, "/");
        let answer = send(server.request(Method::DELETE, "/api/v1/tasks")).await;
        answer.assert_problem(StatusCode::METHOD_NOT_ALLOWED, "/api/v1/tasks");
        assert_eq!(answer.headers[ALLOW], "GET,HEAD,POST");
    })
    .await;
}

#[tokio::test]
async fn sane_request_ids_are_echoed_and_others_replaced() {
    run(async |bench| {
        let server = bench.server().await;
        let ask = async |id: &str| {
            let request = server.request(Method::GET, "/api/v1/version").header("x-request-id", id);
            send(request).await.headers["x-request-id"].to_str().unwrap().to_owned()
        };
        assert_eq!(ask("0123456789abcdef").await, "0123456789abcdef");
        for bad in ["short", &"x".repeat(65), "with space inside", "quote\"inside"] {
            assert_ne!(ask(bad).await, bad);
        }
        let missing = server.get("/api/v1/version").await;
        assert_eq!(missing.headers["x-request-id"].len(), 32);
    })
    .await;
}

#[tokio::test]
async fn changes_from_other_origins_are_refused() {
    run(async |bench| {
        let server = bench.server().await;
        let post = async |origin: String| {
            send(server.request(Method::POST, "/api/v1/tasks").header("origin", origin).json(&json!({ "title": "x" }))).await
        };
        post("http://evil.example".into()).await.assert_problem(StatusCode::FORBIDDEN, "/api/v1/tasks");
        assert_eq!(post(format!("http://{}", server.authority)).await.status, StatusCode::CREATED);
    })
    .await;
}

#[tokio::test]
async fn a_busy_server_refuses_quickly_and_stays_alive() {
    run(async |bench| {
        let server = bench.server_with(Limits { requests: 1, ..Limits::default() }).await;
        let lock = lock_tasks(bench).await;
        let scenario = async {
            request_hangs(bench).await;
            let refused = server.get("/api/v1/tasks").await;
            refused.assert_problem(StatusCode::SERVICE_UNAVAILABLE, "/api/v1/tasks");
            assert!(refused.headers.contains_key(RETRY_AFTER));
            assert_eq!(server.get("/api/v1/health/").await.status, StatusCode::OK);
            lock.rollback().await.unwrap();
        };
        tokio::join!(server.create_task("waits"), scenario);
        assert_eq!(server.get("/api/v1/tasks").await.status, StatusCode::OK);
    })
    .await;
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_given_up() {
    run(async |bench| {
        let server = bench.server_with(Limits { request_time: Duration::from_secs(2), ..Limits::default() }).await;
        let lock = lock_tasks(bench).await;
        let answer = server.post("/api/v1/tasks", json!({ "title": "x" })).await;
        answer.assert_problem(StatusCode::GATEWAY_TIMEOUT, "/api/v1/tasks");
        lock.rollback().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_request_under_way_is_finished_before_the_server_ends() {
    run(async |bench| {
        // So long that only the end of all connections, the idle ones of the client included, can end the server.
        let server = bench.server_with(Limits { drain: Duration::from_secs(3600), ..Limits::default() }).await;
        let lock = lock_tasks(bench).await;
        let scenario = async {
            request_hangs(bench).await;
            server.request_stop();
            eventually("new connections are refused", async || TcpStream::connect(&server.authority).await.is_err()).await;
            lock.rollback().await.unwrap();
        };
        tokio::join!(server.create_task("under way"), scenario);
        server.stopped().await;
        let stored: i64 = sqlx::query_scalar("SELECT count(*) FROM tasks").fetch_one(&bench.pool).await.unwrap();
        assert_eq!(stored, 1);
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_is_open_at_the_signal_is_answered_once_more() {
    run(async |bench| {
        // So long that only the answer can end the connection.
        let forever = Duration::from_secs(3600);
        let server = bench.server_with(Limits { last_requests: forever, drain: forever, ..Limits::default() }).await;
        let mut stream = TcpStream::connect(&server.authority).await.unwrap();
        let request = b"GET /api/v1/health/ HTTP/1.1\r\nHost: localhost\r\n\r\n";
        let mut last = String::new();
        stream.write_all(request).await.unwrap();
        while !last.contains("\"ok\"}") {
            let mut chunk = [0; 1024];
            let read = stream.read(&mut chunk).await.unwrap();
            last.push_str(str::from_utf8(&chunk[..read]).unwrap());
        }
        assert!(!last.contains("connection: close"), "{last}");
        server.request_stop();
        eventually("new connections are refused", async || TcpStream::connect(&server.authority).await.is_err()).await;
        stream.write_all(request).await.unwrap();
        let mut last = String::new();
        stream.read_to_string(&mut last).await.unwrap();
        assert!(last.starts_with("HTTP/1.1 200 OK\r\n") && last.contains("connection: close"), "{last}");
    })
    .await;
}

#[tokio::test]
async fn a_request_that_does_not_end_does_not_keep_the_server() {
    run(async |bench| {
        let server = bench.server_with(Limits { drain: Duration::from_millis(200), ..Limits::default() }).await;
        let lock = lock_tasks(bench).await;
        let hanging = tokio::spawn(server.request(Method::POST, "/api/v1/tasks").json(&json!({ "title": "x" })).send());
        request_hangs(bench).await;
        server.request_stop();
        server.stopped().await;
        assert!(hanging.await.unwrap().is_err());
        lock.rollback().await.unwrap();
    })
    .await;
}
