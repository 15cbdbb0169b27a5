//! What happens while PostgreSQL or Redis is away, and afterwards.
use crate::harness::{Worker, eventually, run};
use backend::jobs::{Handlers, NewJob, Settings, enqueue};
use reqwest::StatusCode;
use reqwest::header::RETRY_AFTER;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn without_redis_tasks_work_and_browsers_fetch_again_afterwards() {
    run(async |bench| {
        let (server, link) = bench.server_with_redis_link().await;
        bench.subscribed(1).await;
        let mut socket = server.socket().await;
        let before = server.create_task("before").await;
        assert_eq!(socket.next_of("task").await["task"], before);

        link.cut();
        // Browsers learn that they hear nothing, those that come now as well.
        socket.next_of("away").await;
        server.socket().await.next_of("away").await;
        server.create_task("meanwhile").await;
        server.complete_task(&before).await;
        assert_eq!(server.get("/api/v1/tasks").await.body["tasks"].as_array().unwrap().len(), 2);
        let ready = server.get("/api/v1/health/ready").await;
        assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(ready.body["checks"]["redis"]["ok"], false);
        assert_eq!(ready.body["checks"]["database"]["ok"], true);

        link.restore();
        socket.next_of("resync").await;
        eventually("ready", async || server.get("/api/v1/health/ready").await.status == StatusCode::OK).await;
        eventually("updates flow", async || {
            let mut socket = server.socket().await;
            let after = server.create_task("after").await;
            let message = tokio::time::timeout(Duration::from_secs(1), socket.next_of("task")).await;
            message.is_ok_and(|message| message["task"] == after)
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn once_redis_is_back_the_first_who_comes_is_served() {
    run(async |bench| {
        let (server, link) = bench.server_with_redis_link().await;
        server.sign_up("Before").await;
        // A connection that was lost since it was used last, and one whose successor could not be made.
        link.cut();
        link.restore();
        server.sign_up("After").await;
        link.cut();
        assert_eq!(server.get("/api/v1/health/ready").await.status, StatusCode::SERVICE_UNAVAILABLE);
        link.restore();
        server.sign_up("At last").await;
    })
    .await;
}

#[tokio::test]
async fn one_slow_answer_of_redis_turns_nobody_away_who_is_new_to_a_server() {
    run(async |bench| {
        let before = bench.server().await;
        let (server, link) = bench.server_with_redis_link().await;
        link.hold("GETEX", 2);
        let answer = server.with_session_of(&before).get("/api/v1/session").await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    })
    .await;
}

#[tokio::test]
async fn browsers_of_other_servers_fetch_again_even_while_changes_go_on() {
    run(async |bench| {
        let (cut_off, link) = bench.server_with_redis_link().await;
        let server = bench.server().await;
        bench.subscribed(2).await;
        let mut socket = server.socket().await;
        let before = cut_off.create_task("before").await;
        assert_eq!(socket.next_of("task").await["task"], before);
        link.cut();
        for number in 0..3 {
            cut_off.create_task(&number.to_string()).await;
        }
        link.restore();
        let changes = async {
            loop {
                cut_off.create_task("more").await;
            }
        };
        tokio::select! {
            () = changes => {}
            _ = socket.next_of("resync") => {}
        }
    })
    .await;
}

#[tokio::test]
async fn without_the_database_requests_are_refused_and_it_recovers() {
    run(async |bench| {
        let (server, link) = bench.server_with_database_link().await;
        server.create_task("before").await;
        link.cut();
        let answer = server.post("/api/v1/tasks", json!({ "title": "meanwhile" })).await;
        answer.assert_problem(StatusCode::SERVICE_UNAVAILABLE, "/api/v1/tasks");
        assert!(answer.headers.contains_key(RETRY_AFTER));
        assert_eq!(server.get("/api/v1/tasks").await.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(server.get("/api/v1/health/").await.status, StatusCode::OK);
        link.restore();
        server.create_task("after").await;
        let tasks = server.get("/api/v1/tasks").await.body;
        let titles: Vec<_> = tasks["tasks"].as_array().unwrap().iter().map(|task| task["title"].as_str().unwrap()).collect();
        assert_eq!(titles, ["after", "before"]);
    })
    .await;
}

#[tokio::test]
async fn a_worker_waits_for_the_database_and_goes_on() {
    run(async |bench| {
        let (link, database) = bench.database_link().await;
        link.cut();
        let worker = Worker::start(&database, Handlers::default().with("noop", |_| async { Ok(()) }), Settings::default());
        let job = NewJob { kind: "noop", coalesce_key: None, payload: json!({}), max_attempts: 1 };
        let done = async |count: i64| {
            eventually("jobs are done", async || {
                let sql = "SELECT count(*) FROM jobs WHERE state = 'done'";
                sqlx::query_scalar::<_, i64>(sql).fetch_one(&bench.pool).await.unwrap() == count
            })
            .await;
        };
        enqueue(&mut bench.pool.acquire().await.unwrap(), &job).await.unwrap();
        assert!(worker.heartbeat.check().is_err(), "not ready before the database was reached");
        link.restore();
        done(1).await;
        eventually("ready", async || worker.heartbeat.check().is_ok()).await;
        link.cut();
        enqueue(&mut bench.pool.acquire().await.unwrap(), &job).await.unwrap();
        link.restore();
        done(2).await;
        worker.stop().await;
    })
    .await;
}
