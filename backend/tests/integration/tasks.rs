//! `/api/v1/tasks`
mod list;

use crate::harness::{Answer, Client, PASSWORD, run, send};
use reqwest::header::{ETAG, LOCATION};
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
async fn all_fields_are_set_changed_and_taken_away() {
    run(async |bench| {
        let server = bench.server().await;
        let bob = server.sign_up("Bob").await;
        let task =
            server.create(json!({ "title": "Buy milk", "notes": "2 l\r\nfresh", "due_on": "2026-12-24", "assignee_id": bob.id() })).await;
        assert_eq!((&task["notes"], &task["due_on"]), (&json!("2 l\nfresh"), &json!("2026-12-24")));
        assert_eq!(task["assignee"], json!({ "id": bob.id(), "name": "Bob" }));
        assert_eq!(task["created_by"]["name"], "Ada");
        let answer = bob.change_task(&task, json!({ "title": "Buy oat milk", "due_on": null })).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
        assert_eq!(answer.headers[ETAG], "\"2\"");
        let changed = answer.body;
        assert_eq!(
            (&changed["title"], &changed["notes"], &changed["due_on"]),
            (&json!("Buy oat milk"), &json!("2 l\nfresh"), &Value::Null)
        );
        let changed = server.change_task(&changed, json!({ "assignee_id": null, "notes": "" })).await.body;
        assert_eq!((&changed["assignee"], &changed["notes"], &changed["version"]), (&Value::Null, &json!(""), &json!(3)));
        let path = format!("/api/v1/tasks/{}", task["id"].as_str().unwrap());
        assert_eq!(server.complete_task(&changed).await["status"], "done");
        let open = server.post(&format!("{path}/reopen"), json!({})).await.body;
        assert_eq!((&open["status"], &open["completed_at"], &open["version"]), (&json!("open"), &Value::Null, &json!(5)));
        for (change, field) in [
            (json!({ "title": "" }), "title"),
            (json!({ "notes": "x".repeat(10_001) }), "notes"),
            (json!({ "due_on": "2026-02-30" }), "due_on"),
            (json!({ "assignee_id": "bob" }), "assignee_id"),
            (json!({ "assignee_id": task["id"] }), "assignee_id"),
        ] {
            let answer = server.change_task(&open, change).await;
            answer.assert_problem(StatusCode::UNPROCESSABLE_ENTITY, &path);
            assert_eq!(answer.body["errors"][0]["field"], field, "{answer:?}");
        }
        assert_eq!(server.get(&path).await.body, open, "what was refused changed nothing");
    })
    .await;
}

#[tokio::test]
async fn nobody_overwrites_what_they_have_not_seen() {
    run(async |bench| {
        let server = bench.server().await;
        let task = server.create_task("Buy milk").await;
        let path = format!("/api/v1/tasks/{}", task["id"].as_str().unwrap());
        let change = |title: &str| json!({ "title": title });
        let blind = send(server.request(Method::PATCH, &path).json(&change("blind"))).await;
        blind.assert_problem(StatusCode::PRECONDITION_REQUIRED, &path);
        assert_eq!(server.change_task(&task, change("first")).await.status, StatusCode::OK);
        server.change_task(&task, change("second")).await.assert_problem(StatusCode::PRECONDITION_FAILED, &path);
        for tag in ["2", "W/\"2\"", "\"2\", \"3\"", "\"\""] {
            let answer = send(server.request(Method::PATCH, &path).header("if-match", tag).json(&change("odd"))).await;
            answer.assert_problem(StatusCode::PRECONDITION_FAILED, &path);
        }
        let stale = send(server.request(Method::DELETE, &path).header("if-match", "\"1\"")).await;
        stale.assert_problem(StatusCode::PRECONDITION_FAILED, &path);
        assert_eq!(server.get(&path).await.body["title"], "first");
        let any = send(server.request(Method::PATCH, &path).header("if-match", "*").json(&change("wanted"))).await;
        assert_eq!(any.body["title"], "wanted", "whoever says so overwrites whatever is there");

        // Of many at once, one wins.
        let seen = server.get(&path).await.body;
        let changes = (0..8).map(|number| {
            let (server, seen) = ((*server).clone(), seen.clone());
            async move { server.change_task(&seen, json!({ "title": number.to_string() })).await.status }
        });
        let statuses = futures_util::future::join_all(changes).await;
        assert_eq!(statuses.iter().filter(|status| **status == StatusCode::OK).count(), 1, "{statuses:?}");
    })
    .await;
}

#[tokio::test]
async fn the_assignee_of_a_private_task_gives_it_back_and_to_no_third_person() {
    run(async |bench| {
        let server = bench.server().await;
        let (bob, eve) = (server.sign_up("Bob").await, server.sign_up("Eve").await);
        let task = server.create(json!({ "title": "Surprise party", "private": true, "assignee_id": bob.id() })).await;
        let path = format!("/api/v1/tasks/{}", task["id"].as_str().unwrap());
        let handed = bob.change_task(&task, json!({ "title": "For Eve", "assignee_id": eve.id() })).await;
        handed.assert_problem(StatusCode::FORBIDDEN, &path);
        assert_eq!(server.get(&path).await.body, task, "nothing of the change was made");
        assert_eq!(eve.get(&path).await.status, StatusCode::NOT_FOUND);
        let kept = bob.change_task(&task, json!({ "title": "Party", "assignee_id": bob.id() })).await;
        assert_eq!(kept.status, StatusCode::OK, "{kept:?}");
        let back = bob.change_task(&kept.body, json!({ "assignee_id": server.id() })).await;
        assert_eq!((back.status, &back.body["assignee"]["id"]), (StatusCode::OK, &server.user["id"]));
        assert_eq!(bob.get(&path).await.status, StatusCode::NOT_FOUND);
        let again = server.change_task(&back.body, json!({ "assignee_id": eve.id() })).await.body;
        assert_eq!(again["assignee"]["id"], eve.user["id"], "the creator assigns it to any account");
        let left = eve.change_task(&again, json!({ "assignee_id": null })).await;
        assert_eq!(left.status, StatusCode::OK, "{left:?}");

        let team = server.create(json!({ "title": "Buy milk", "assignee_id": bob.id() })).await;
        assert_eq!(
            bob.change_task(&team, json!({ "assignee_id": eve.id() })).await.status,
            StatusCode::OK,
            "team tasks change hands freely"
        );
    })
    .await;
}

#[tokio::test]
async fn a_private_task_without_its_creator_stays_with_its_assignee() {
    run(async |bench| {
        let server = bench.server().await;
        let (bob, eve) = (server.sign_up("Bob").await, server.sign_up("Eve").await);
        let task = eve.create(json!({ "title": "Surprise party", "private": true, "assignee_id": bob.id() })).await;
        let removal = eve.request(Method::DELETE, "/api/v1/account").json(&json!({ "current_password": PASSWORD }));
        assert_eq!(send(removal).await.status, StatusCode::NO_CONTENT);
        let path = format!("/api/v1/tasks/{}", task["id"].as_str().unwrap());
        for assignee in [json!(server.id()), Value::Null] {
            bob.change_task(&task, json!({ "assignee_id": assignee })).await.assert_problem(StatusCode::FORBIDDEN, &path);
        }
        assert_eq!(bob.get(&path).await.status, StatusCode::OK);
    })
    .await;
}

#[tokio::test]
async fn a_private_task_is_nobody_elses_on_any_route() {
    run(async |bench| {
        let server = bench.server().await;
        let (bob, eve) = (server.sign_up("Bob").await, server.sign_up("Eve").await);
        let task = server.create(json!({ "title": "Surprise party", "private": true, "assignee_id": bob.id() })).await;
        let path = format!("/api/v1/tasks/{}", task["id"].as_str().unwrap());
        assert_eq!(bob.get(&path).await.body, task);
        let missing = |answer: &Answer, instance: &str| {
            answer.assert_problem(StatusCode::NOT_FOUND, instance);
        };
        missing(&eve.get(&path).await, &path);
        missing(&eve.change_task(&task, json!({ "title": "x" })).await, &path);
        missing(&eve.delete(&path).await, &path);
        for action in ["complete", "reopen"] {
            let path = format!("{path}/{action}");
            missing(&eve.post(&path, json!({})).await, &path);
        }
        for list in ["/api/v1/tasks", "/api/v1/tasks?q=surprise", &format!("/api/v1/tasks?assignee={}", bob.id())] {
            assert_eq!(eve.get(list).await.body["tasks"], json!([]), "{list}");
            assert_eq!(bob.get(list).await.body["tasks"], json!([task]), "{list}");
        }
        bob.change_task(&task, json!({ "private": false })).await.assert_problem(StatusCode::FORBIDDEN, &path);
        bob.delete(&path).await.assert_problem(StatusCode::FORBIDDEN, &path);
        assert_eq!(server.get(&path).await.body, task);
        let public = server.change_task(&task, json!({ "private": false })).await.body;
        assert_eq!(eve.get(&path).await.body, public);
        eve.delete(&path).await.assert_problem(StatusCode::FORBIDDEN, &path);
        assert_eq!(server.delete(&path).await.status, StatusCode::NO_CONTENT);
        missing(&server.get(&path).await, &path);
    })
    .await;
}

#[tokio::test]
async fn every_route_wants_a_session() {
    run(async |bench| {
        let server = bench.server().await;
        let task = server.create_task("Buy milk").await;
        let path = format!("/api/v1/tasks/{}", task["id"].as_str().unwrap());
        let document = server.signed_out().get("/api/v1/openapi.json").await.body;
        let open = [
            "/api/v1/users post",
            "/api/v1/sessions post",
            "/api/v1/password-resets post",
            "/api/v1/password-resets/complete post",
            "/api/v1/config/frontend/ get",
            "/api/v1/version get",
        ];
        let mut refused = 0;
        for (route, methods) in document["paths"].as_object().unwrap() {
            for method in methods.as_object().unwrap().keys() {
                let route = route.replace("{id}", task["id"].as_str().unwrap());
                let known = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
                let status = send(server.signed_out().request(known, &route).json(&json!({}))).await.status;
                let is_open = open.contains(&format!("{route} {method}").as_str());
                assert_eq!(status == StatusCode::UNAUTHORIZED, !is_open, "{method} {route}: {status}");
                refused += usize::from(!is_open);
            }
        }
        assert!(refused >= 12, "{refused}");
        assert_eq!(server.get(&path).await.body, task);
    })
    .await;
}

#[tokio::test]
async fn a_create_request_that_is_sent_again_creates_once() {
    run(async |bench| {
        let server = bench.server().await;
        let create = async |client: &Client, key: &str, title: &str| {
            send(client.request(Method::POST, "/api/v1/tasks").header("idempotency-key", key).json(&json!({ "title": title }))).await
        };
        let first = create(&server, "one", "Buy milk").await;
        let again = create(&server, "one", "Buy milk").await;
        assert_eq!((first.status, &first.body), (again.status, &again.body));
        assert_eq!(first.headers[LOCATION], again.headers[LOCATION]);
        assert!(!first.headers.contains_key("idempotency-replayed") && again.headers["idempotency-replayed"] == "true");
        create(&server, "one", "Buy beer").await.assert_problem(StatusCode::UNPROCESSABLE_ENTITY, "/api/v1/tasks");
        let bob = server.sign_up("Bob").await;
        assert_ne!(create(&bob, "one", "Buy milk").await.body["id"], first.body["id"], "keys belong to accounts");
        assert_eq!(create(&server, "", "x").await.status, StatusCode::BAD_REQUEST);
        // Many at once: one creates, the others wait for it.
        let answers = futures_util::future::join_all((0..8).map(|_| create(&server, "many", "Buy bread"))).await;
        assert!(answers.iter().all(|answer| answer.status == StatusCode::CREATED && answer.body == answers[0].body), "{answers:?}");
        let stored: i64 = sqlx::query_scalar("SELECT count(*) FROM tasks").fetch_one(&bench.pool).await.unwrap();
        assert_eq!(stored, 3);
    })
    .await;
}

#[tokio::test]
async fn answers_tell_what_is_left_and_are_nobody_elses() {
    run(async |bench| {
        let server = bench.server().await;
        let headers = server.get("/api/v1/tasks").await.headers;
        assert_eq!(headers["ratelimit-policy"], "\"api\";q=100000;w=60");
        assert!(headers["ratelimit"].to_str().unwrap().starts_with("\"api\";r=9999"), "{headers:?}");
        assert_eq!(headers["cache-control"], "private, no-store");
    })
    .await;
}
