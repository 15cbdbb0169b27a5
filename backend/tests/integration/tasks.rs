//! `/api/v1/tasks`
use crate::harness::{run, send};
use reqwest::header::LOCATION;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

#[tokio::test]
async fn a_task_is_created_shown_and_completed() {
    run(async |bench| {
        let server = bench.server().await;
        let answer = server.post("/api/v1/tasks", json!({ "title": "  Buy milk " })).await;
        assert_eq!(answer.status, StatusCode::CREATED);
        let task = &answer.body;
        assert_eq!(task["title"], "Buy milk");
        assert_eq!(task["status"], "open");
        assert_eq!(task["version"], 1);
        assert_eq!(task["completed_at"], Value::Null);
        assert!(task["created_at"].as_str().unwrap().ends_with('Z'), "{task}");
        let location = answer.headers[LOCATION].to_str().unwrap();
        assert_eq!(location, format!("/api/v1/tasks/{}", task["id"].as_str().unwrap()));
        assert_eq!(server.get(location).await.body, *task);

        let done = server.complete_task(task).await;
        assert_eq!(done["status"], "done");
        assert_eq!(done["version"], 2);
        assert!(done["completed_at"].is_string());
        assert_eq!(server.complete_task(task).await, done, "completing again changes nothing");
        assert_eq!(server.get(location).await.body, done);
    })
    .await;
}

#[tokio::test]
async fn pages_walk_the_board_in_order() {
    run(async |bench| {
        let server = bench.server().await;
        let mut tasks = Vec::new();
        for number in 0..7 {
            tasks.push(server.create_task(&number.to_string()).await);
        }
        for number in [5, 0, 2] {
            server.complete_task(&tasks[number]).await;
        }
        for limit in 1..=8 {
            let (mut titles, mut cursor) = (String::new(), String::new());
            loop {
                let page = server.get(&format!("/api/v1/tasks?limit={limit}&before={cursor}")).await.body;
                let tasks = page["tasks"].as_array().unwrap();
                assert!(tasks.len() <= limit);
                tasks.iter().for_each(|task| titles.push_str(task["title"].as_str().unwrap()));
                match page["next"].as_str() {
                    Some(next) => cursor = next.to_owned(),
                    None => break,
                }
            }
            assert_eq!(titles, "6431205", "open, newest first; then done, last completed first (limit {limit})");
        }
    })
    .await;
}

#[tokio::test]
async fn bad_titles_are_refused_by_field() {
    run(async |bench| {
        let server = bench.server().await;
        for title in ["", "   ", &"x".repeat(201), "two\nlines", "nul\0"] {
            let answer = server.post("/api/v1/tasks", json!({ "title": title })).await;
            answer.assert_problem(StatusCode::UNPROCESSABLE_ENTITY, "/api/v1/tasks");
            assert_eq!(answer.body["errors"][0]["field"], "title");
            assert!(answer.body["errors"][0]["detail"].as_str().unwrap().starts_with("must"));
        }
        assert_eq!(server.get("/api/v1/tasks").await.body, json!({ "tasks": [], "next": null }));
    })
    .await;
}

#[tokio::test]
async fn bad_bodies_are_refused() {
    run(async |bench| {
        let server = bench.server().await;
        let large = format!(r#"{{"title":"{}"}}"#, "x".repeat(64 * 1024));
        for (body, content_type, status) in [
            ("{", "application/json", StatusCode::BAD_REQUEST),
            ("{}", "application/json", StatusCode::UNPROCESSABLE_ENTITY),
            (r#"{"title": 1}"#, "application/json", StatusCode::UNPROCESSABLE_ENTITY),
            ("title=x", "application/x-www-form-urlencoded", StatusCode::UNSUPPORTED_MEDIA_TYPE),
            (&large, "application/json", StatusCode::PAYLOAD_TOO_LARGE),
        ] {
            let request = server.request(Method::POST, "/api/v1/tasks").header("content-type", content_type);
            send(request.body(body.to_owned())).await.assert_problem(status, "/api/v1/tasks");
        }
    })
    .await;
}

#[tokio::test]
async fn bad_parameters_are_refused() {
    run(async |bench| {
        let server = bench.server().await;
        for (query, field) in [("limit=0", "limit"), ("limit=201", "limit"), ("limit=x", "limit"), ("before=x", "before")] {
            let answer = server.get(&format!("/api/v1/tasks?{query}")).await;
            answer.assert_problem(StatusCode::BAD_REQUEST, "/api/v1/tasks");
            assert_eq!(answer.body["errors"][0]["field"], field);
        }
        for id in ["x", "0198f1a0-0000-7000-8000-000000000000"] {
            let path = format!("/api/v1/tasks/{id}");
            server.get(&path).await.assert_problem(StatusCode::NOT_FOUND, &path);
            let path = format!("{path}/complete");
            server.post(&path, json!({})).await.assert_problem(StatusCode::NOT_FOUND, &path);
        }
    })
    .await;
}
