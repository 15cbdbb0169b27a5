//! `/ws`
use crate::harness::{eventually, run, send};
use backend::http::Limits;
use reqwest::{Method, StatusCode};
use serde_json::json;

#[tokio::test]
async fn every_browser_sees_a_change_on_any_server() {
    run(async |bench| {
        let (first, second) = (bench.server().await, bench.server().await);
        bench.subscribed(2).await;
        let mut sockets = [first.socket().await, second.socket().await];
        let task = first.create_task("Buy milk").await;
        let done = second.complete_task(&task).await;
        for socket in &mut sockets {
            assert_eq!(socket.next_of("task").await, json!({ "type": "task", "id": task["id"], "task": task }));
            assert_eq!(socket.next_of("task").await, json!({ "type": "task", "id": task["id"], "task": done }));
        }
        second.complete_task(&task).await;
        let other = first.create_task("Something else").await;
        assert_eq!(sockets[0].next_of("task").await["id"], other["id"], "completing again is no news");
    })
    .await;
}

#[tokio::test]
async fn the_worker_updates_the_figures() {
    run(async |bench| {
        let (server, worker) = (bench.server().await, bench.worker());
        bench.subscribed(1).await;
        let mut socket = server.socket().await;
        let task = server.create_task("Buy milk").await;
        assert_eq!(socket.next_of("stats").await["stats"]["open"], 1);
        server.complete_task(&task).await;
        let stats = socket.next_of("stats").await["stats"].clone();
        assert_eq!((&stats["open"], &stats["done"], &stats["created"]), (&json!(0), &json!(1), &json!(1)));
        assert!(stats["last_activity_at"].is_string() && stats["updated_at"].is_string(), "{stats}");
        assert_eq!(server.get("/api/v1/stats").await.body, stats);
        worker.stop().await;
    })
    .await;
}

#[tokio::test]
async fn other_origins_are_refused() {
    run(async |bench| {
        let server = bench.server().await;
        let open = async |origin: &str| {
            let request = server.request(Method::GET, "/ws").header("origin", origin);
            let request = request.header("connection", "upgrade").header("upgrade", "websocket");
            send(request.header("sec-websocket-version", "13").header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")).await
        };
        open("https://evil.example").await.assert_problem(StatusCode::FORBIDDEN, "/ws");
        open("null").await.assert_problem(StatusCode::FORBIDDEN, "/ws");
        let same = format!("http://{}", server.authority);
        let request = server.request(Method::GET, "/ws").header("origin", same);
        let request = request.header("connection", "upgrade").header("upgrade", "websocket");
        let request = request.header("sec-websocket-version", "13").header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(request.send().await.unwrap().status(), StatusCode::SWITCHING_PROTOCOLS);
        server.get("/ws").await.assert_problem(StatusCode::BAD_REQUEST, "/ws");
    })
    .await;
}

#[tokio::test]
async fn sockets_are_bounded_and_freed() {
    run(async |bench| {
        let server = bench.server_with(Limits { sockets: 1, ..Limits::default() }).await;
        let socket = server.socket().await;
        let open = async || {
            let request = server.request(Method::GET, "/ws").header("connection", "upgrade").header("upgrade", "websocket");
            let request = request.header("sec-websocket-version", "13").header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
            request.send().await.unwrap().status()
        };
        assert_eq!(open().await, StatusCode::SERVICE_UNAVAILABLE);
        drop(socket);
        eventually("the place is free again", async || open().await == StatusCode::SWITCHING_PROTOCOLS).await;
    })
    .await;
}

#[tokio::test]
async fn a_stopping_server_says_goodbye() {
    run(async |bench| {
        let server = bench.server().await;
        let mut socket = server.socket().await;
        server.request_stop();
        assert_eq!(socket.close_code().await, 1001);
        server.stopped().await;
    })
    .await;
}
