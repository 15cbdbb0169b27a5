//! `/api/v1/health/…`, `/api/v1/version` and `/api/v1/config/frontend/`
use crate::harness::{eventually, run, run_unmigrated};
use backend::migrations;
use reqwest::StatusCode;
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn ready_comes_with_the_migrations() {
    run_unmigrated(async |bench| {
        let server = bench.server().await;
        assert_eq!(server.get("/api/v1/health/").await.body, json!({ "status": "ok" }));
        let answer = server.get("/api/v1/health/ready").await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.body["status"], "unready");
        let checks = &answer.body["checks"];
        assert_eq!((&checks["database"]["ok"], &checks["redis"]["ok"]), (&json!(true), &json!(true)));
        assert_eq!(checks["migrations"]["ok"], false);
        assert_eq!(checks["migrations"]["applied"], 0);
        assert!(checks["migrations"]["detail"].as_str().unwrap().contains("backend migrate up"));
        assert_eq!(server.get("/api/v1/health/container").await.status, StatusCode::SERVICE_UNAVAILABLE);
        // Before the migrations, requests are refused as if the database was away.
        let sign_up = json!({ "email": "ada@example.com", "name": "Ada", "password": "correct horse" });
        assert_eq!(server.post("/api/v1/users", sign_up).await.status, StatusCode::SERVICE_UNAVAILABLE);

        let mut connection = migrations::connect(&bench.database, Duration::from_secs(5)).await.unwrap();
        migrations::up(&mut connection, &migrations::MIGRATOR, |_| {}).await.unwrap();
        let answer = server.get("/api/v1/health/ready").await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        assert_eq!(answer.body["status"], "ready");
        assert_eq!(answer.body["checks"]["migrations"]["pending"], 0);
        assert_eq!(server.get("/api/v1/health/container").await.status, StatusCode::OK);
    })
    .await;
}

#[tokio::test]
async fn the_container_is_healthy_when_ready_once_then_alive() {
    run(async |bench| {
        let (server, link) = bench.server_with_database_link().await;
        link.cut();
        let answer = server.get("/api/v1/health/container").await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.body["checks"]["database"]["detail"].is_string(), "{answer:?}");
        link.restore();
        eventually("ready", async || server.get("/api/v1/health/container").await.status == StatusCode::OK).await;
        link.cut();
        assert_eq!(server.get("/api/v1/health/ready").await.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(server.get("/api/v1/health/container").await.status, StatusCode::OK);
    })
    .await;
}

#[tokio::test]
async fn the_release_is_reported() {
    run(async |bench| {
        let server = bench.server().await;
        let version = server.get("/api/v1/version").await.body;
        assert_eq!(version, json!({ "name": "backend", "version": "1.2.3", "revision": "abc" }));
        let config = server.get("/api/v1/config/frontend/").await.body;
        assert_eq!(
            config,
            json!({
                "environment": "test", "version": "1.2.3", "revision": "abc", "live_updates_path": "/ws",
                "limits": {
                    "task_title_length": 200, "task_notes_length": 10_000, "task_list_length": 200, "search_length": 200,
                    "name_length": 80, "password_min_length": 10, "password_max_length": 200,
                    "attachment_bytes": 1 << 20, "attachments_per_task": 50,
                },
            })
        );
    })
    .await;
}
