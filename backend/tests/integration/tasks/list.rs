//! Lists of tasks: pages, filters, searches.
use crate::harness::run;
use reqwest::StatusCode;
use serde_json::json;

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

#[tokio::test]
async fn tasks_are_found_by_words_state_person_and_date() {
    run(async |bench| {
        let server = bench.server().await;
        let bob = server.sign_up("Bob").await;
        let day = |days: i64| (time::OffsetDateTime::now_utc().date() + time::Duration::days(days)).to_string();
        for task in [
            json!({ "title": "Überholung der Masten", "notes": "see docs/masts.md", "due_on": day(-1) }),
            json!({ "title": "Masten streichen", "assignee_id": bob.id(), "due_on": day(0) }),
            json!({ "title": "Order varnish", "notes": "from ship-chandler.example.com", "due_on": day(6) }),
            json!({ "title": "Launch", "due_on": day(7) }),
        ] {
            server.create(task).await;
        }
        let done = server.create(json!({ "title": "Old masten", "due_on": day(-3) })).await;
        server.complete_task(&done).await;
        let titles = async |query: &str| {
            let answer = bob.get(&format!("/api/v1/tasks?{query}")).await;
            assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
            let words = answer.body["tasks"]
                .as_array()
                .unwrap()
                .iter()
                .map(|task| task["title"].as_str().unwrap().split(' ').next().unwrap().to_owned());
            words.collect::<Vec<_>>().join("|")
        };
        for (query, expected) in [
            ("q=masten", "Masten|Überholung|Old"),
            ("q=MAST&status=open", "Masten|Überholung"),
            ("q=%C3%BCber", "Überholung"),
            ("q=masts.md", "Überholung"),
            ("q=chandler", "Order"),
            ("q=masten+streichen", "Masten"),
            ("q=nothing", ""),
            ("q=%27%22%26%7C!()%3A*%00", ""),
            ("status=done", "Old"),
            ("assignee=me", "Masten"),
            (&format!("assignee={}", bob.id()), "Masten"),
            ("assignee=none&status=open", "Launch|Order|Überholung"),
            ("due=overdue", "Überholung"),
            ("due=today", "Masten"),
            ("due=week", "Order|Masten"),
            ("q=mast&due=week&assignee=me&status=open&limit=5&before=", "Masten"),
        ] {
            assert_eq!(titles(query).await, expected, "{query}");
        }
        for (query, field) in
            [("status=x", "status"), ("assignee=x", "assignee"), ("due=x", "due"), (&*format!("q={}", "x".repeat(201)), "q")]
        {
            let answer = bob.get(&format!("/api/v1/tasks?{query}")).await;
            answer.assert_problem(StatusCode::BAD_REQUEST, "/api/v1/tasks");
            assert_eq!(answer.body["errors"][0]["field"], field);
        }
    })
    .await;
}
