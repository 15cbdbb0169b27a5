//! `/ws`
use crate::harness::{PASSWORD, eventually, run, send};
use backend::http::Limits;
use reqwest::{Method, StatusCode};
use serde_json::json;
use std::time::Duration;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

#[tokio::test]
async fn every_browser_sees_a_change_on_any_server() {
    run(async |bench| {
        let (first, second) = (bench.server().await, bench.server().await);
        bench.subscribed(2).await;
        let mut sockets = [first.socket().await, second.socket().await];
        let task = first.create_task("Buy milk").await;
        let done = second.complete_task(&task).await;
        for socket in &mut sockets {
            assert_eq!(socket.next_of("task").await["task"], task);
            assert_eq!(socket.next_of("task").await["task"], done);
        }
        second.complete_task(&task).await;
        let other = first.create_task("Something else").await;
        assert_eq!(sockets[0].next_of("task").await["task"], other, "completing again is no news");
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
async fn one_account_has_a_share_of_the_sockets() {
    run(async |bench| {
        let server = bench.server_with(Limits { sockets_per_account: 2, ..Limits::default() }).await;
        let bob = server.sign_up("Bob").await;
        let [first, _second] = [server.socket().await, server.socket().await];
        let open = async || {
            let request = server.request(Method::GET, "/ws").header("connection", "upgrade").header("upgrade", "websocket");
            let request = request.header("sec-websocket-version", "13").header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
            request.send().await.unwrap().status()
        };
        assert_eq!(open().await, StatusCode::TOO_MANY_REQUESTS);
        bob.socket().await;
        drop(first);
        eventually("the place is free again", async || open().await == StatusCode::SWITCHING_PROTOCOLS).await;
    })
    .await;
}

#[tokio::test]
async fn a_socket_that_talks_is_closed_with_the_code_that_says_why() {
    run(async |bench| {
        let server = bench.server().await;
        // One more than a connection may send: of what comes after that, a busy server may not have read all when it closes, and the code would be lost.
        let most = 60;
        let mut chatty = server.socket().await;
        for _ in 0..=most {
            chatty.send(Message::text("hello?")).await;
        }
        assert_eq!(chatty.close_code().await, 1008);
        let mut pinging = server.socket().await;
        for _ in 0..=most {
            pinging.send(Message::Ping(Default::default())).await;
        }
        assert_eq!(pinging.close_code().await, 1008, "control frames count as well");
        let mut big = server.socket().await;
        big.send(Message::text("x".repeat(5000))).await;
        assert_eq!(big.close_code().await, 1009);
        let mut garbled = server.socket().await;
        let reserved = Frame::message(Vec::new(), OpCode::Data(Data::Reserved(3)), true);
        garbled.send(Message::Frame(reserved)).await;
        assert_eq!(garbled.close_code().await, 1002);
        let mut binary = server.socket().await;
        let no_text = Frame::message(vec![0xff], OpCode::Data(Data::Text), true);
        binary.send(Message::Frame(no_text)).await;
        assert_eq!(binary.close_code().await, 1007);
    })
    .await;
}

#[tokio::test]
async fn a_socket_that_answers_pings_is_not_closed() {
    run(async |bench| {
        let server = bench.server_with(Limits { ping: Duration::from_millis(2), ..Limits::default() }).await;
        let mut socket = server.socket().await;
        for _ in 0..200 {
            socket.ping().await;
        }
        let task = server.create_task("Buy milk").await;
        assert_eq!(socket.next_of("task").await["task"], task);
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

#[tokio::test]
async fn sockets_want_a_session() {
    run(async |bench| {
        let server = bench.server().await;
        let request = server.signed_out().request(Method::GET, "/ws").header("connection", "upgrade").header("upgrade", "websocket");
        let request = request.header("sec-websocket-version", "13").header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        send(request).await.assert_problem(StatusCode::UNAUTHORIZED, "/ws");
    })
    .await;
}

#[tokio::test]
async fn a_socket_ends_with_its_session() {
    run(async |bench| {
        let server = bench.server_with(Limits { ping: Duration::from_millis(100), ..Limits::default() }).await;
        let (mut kept, bob) = (server.socket().await, server.sign_up("Bob").await);
        let (mut left, mut changed) = (bob.socket().await, server.sign_up("Eve").await);
        assert_eq!(bob.delete("/api/v1/session").await.status, StatusCode::NO_CONTENT);
        assert_eq!(left.close_code().await, 4401);
        let mut socket = changed.socket().await;
        let body = json!({ "current_password": PASSWORD, "new_password": "another good one" });
        changed = server.with(&changed.put("/api/v1/account/password", body).await);
        assert_eq!(socket.close_code().await, 4401);
        let mut socket = changed.socket().await;
        let task = server.create_task("Buy milk").await;
        for socket in [&mut kept, &mut socket] {
            assert_eq!(socket.next_of("task").await["task"], task, "other sessions go on");
        }
    })
    .await;
}

#[tokio::test]
async fn events_reach_only_who_may_see_the_task() {
    run(async |bench| {
        let server = bench.server().await;
        bench.subscribed(1).await;
        let (bob, eve) = (server.sign_up("Bob").await, server.sign_up("Eve").await);
        let mut sockets = [server.socket().await, bob.socket().await, eve.socket().await];
        let secret = server.create(json!({ "title": "Surprise party", "private": true, "assignee_id": bob.id() })).await;
        let open = server.create_task("Buy milk").await;
        for socket in &mut sockets[..2] {
            assert_eq!(socket.next_of("task").await["task"], secret);
        }
        for socket in &mut sockets {
            assert_eq!(socket.next_of("task").await["task"], open, "Eve's first event is the open one");
        }
        let hidden = server.change_task(&open, json!({ "private": true })).await.body;
        assert_eq!(sockets[0].next_of("task").await["task"], hidden);
        for socket in &mut sockets[1..] {
            assert_eq!(socket.next_of("task_gone").await["id"], open["id"], "whoever saw it learns that it is gone");
        }
        let unassigned = server.change_task(&secret, json!({ "assignee_id": null })).await.body;
        assert_eq!(sockets[0].next_of("task").await["task"], unassigned);
        assert_eq!(sockets[1].next_of("task_gone").await["id"], secret["id"]);
        // Nobody else learns that there is something at all.
        let last = server.create_task("Scrub the deck").await;
        assert_eq!(sockets[2].next().await["task"], last);
    })
    .await;
}

#[tokio::test]
async fn a_client_that_was_away_for_a_moment_gets_what_it_missed() {
    run(async |bench| {
        let (server, other) = (bench.server().await, bench.server().await);
        bench.subscribed(2).await;
        let eve = server.sign_up("Eve").await;
        let mut socket = eve.socket().await;
        let first = server.create_task("first").await;
        let seen = socket.next_of("task").await;
        assert_eq!(seen["task"], first);
        drop(socket);
        let missed = server.create_task("second").await;
        server.create(json!({ "title": "secret", "private": true })).await;
        let done = server.complete_task(&missed).await;
        eventually("everything is published", async || {
            let (_, hello) = server.socket_after(seen["event_id"].as_str().unwrap()).await;
            hello["resumed"] == true
        })
        .await;
        // Through another server, which has seen them too.
        let (mut socket, hello) = other.signed_out().with_session_of(&eve).socket_after(seen["event_id"].as_str().unwrap()).await;
        assert_eq!(hello["resumed"], true);
        assert_eq!(socket.next().await["task"], missed);
        assert_eq!(socket.next().await["task"], done);
        let after = server.create_task("after").await;
        assert_eq!(socket.next().await["task"], after, "and then what is new, once");
        for unknown in ["1-1", "x", "99999999999999-0"] {
            assert_eq!(server.socket_after(unknown).await.1["resumed"], false, "{unknown}");
        }
    })
    .await;
}
