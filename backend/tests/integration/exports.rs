//! `/api/v1/exports`
use crate::harness::{Bench, Client, Server, eventually, run, send};
use backend::exports::remove_old;
use backend::jobs::{self, Settings};
use backend::media::orphans;
use reqwest::header::LOCATION;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use std::fs::File;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

async fn ask(client: &Client) -> Value {
    let answer = client.post("/api/v1/exports", json!({})).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{answer:?}");
    let shown = client.get(answer.headers[LOCATION].to_str().unwrap()).await.body;
    assert_eq!(shown["id"], answer.body["id"]);
    answer.body
}

async fn state(client: &Client, export: &Value) -> String {
    let path = format!("/api/v1/exports/{}", export["id"].as_str().unwrap());
    client.get(&path).await.body["state"].as_str().unwrap().to_owned()
}

fn path(bench: &Bench, export: &Value) -> PathBuf {
    bench.media().path(backend::media::Shelf::Exports, export["id"].as_str().unwrap().parse().unwrap())
}

async fn with_tasks(bench: &Bench, count: i32) -> Server {
    let server = bench.server().await;
    let sql = "INSERT INTO tasks (id, title) SELECT gen_random_uuid(), 'Task ' || n FROM generate_series(1, $1) n";
    sqlx::query(sql).bind(count).execute(&bench.pool).await.unwrap();
    server
}

#[tokio::test]
async fn an_export_has_all_that_its_owner_may_see_and_only_its_owner_gets_it() {
    run(async |bench| {
        let ada = with_tasks(bench, 2500).await;
        let bob = ada.sign_up("Bob").await;
        bob.create(json!({ "title": "Bob's secret", "private": true })).await;
        ada.create(json!({ "title": "=1+1, \"quoted\"", "notes": "two\nlines", "due_on": "2026-12-24", "private": true })).await;
        let mut socket = ada.socket().await;
        let export = ask(&ada).await;
        assert_eq!((&export["state"], &export["url"]), (&json!("queued"), &Value::Null));
        let media = format!("/media/exports/{}/tasks.csv", export["id"].as_str().unwrap());
        ada.get(&media).await.assert_problem(StatusCode::NOT_FOUND, &media);
        let worker = bench.worker();
        eventually("it is done", async || state(&ada, &export).await == "done").await;
        let told = loop {
            let told = socket.next_of("export").await["export"].clone();
            if told["state"] == "done" {
                break told;
            }
        };
        assert_eq!((&told["rows_done"], &told["rows_total"], &told["url"]), (&json!(2501), &json!(2501), &json!(media)));
        assert_eq!(ada.get("/api/v1/exports").await.body["exports"][0], told);

        let answer = ada.get(&media).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.headers["content-type"], "text/csv; charset=utf-8");
        assert!(answer.headers["content-disposition"].to_str().unwrap().starts_with("attachment;"));
        let file = path(bench, &export);
        let address = answer.headers["x-accel-redirect"].to_str().unwrap();
        assert!(file.ends_with(address.strip_prefix("/_media/").unwrap()), "{address}");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("id,title,notes,status,private,due_on,"), "{}", &text[..100]);
        assert_eq!(text.lines().count(), 2503, "a header, the tasks, and one line break in notes");
        assert!(
            text.contains(",\"'=1+1, \"\"quoted\"\"\",\"two\nlines\",open,true,2026-12-24,,Ada,0,1,"),
            "{}",
            text.lines().last().unwrap()
        );
        assert!(!text.contains("Bob's secret"));

        let theirs = format!("/api/v1/exports/{}", export["id"].as_str().unwrap());
        for path in [&media, &theirs, "/media/exports/x/tasks.csv"] {
            bob.get(path).await.assert_problem(StatusCode::NOT_FOUND, path);
            ada.signed_out().get(path).await.assert_problem(StatusCode::UNAUTHORIZED, path);
        }
        assert_eq!(bob.get("/api/v1/exports").await.body, json!({ "exports": [] }));

        let long_ago = SystemTime::now() - Duration::from_secs(8 * 24 * 3600);
        File::options().write(true).open(&file).unwrap().set_modified(long_ago).unwrap();
        assert_eq!((remove_old(&bench.pool).await.unwrap(), orphans::remove(&bench.pool, &bench.media()).await.unwrap()), (0, 0));
        sqlx::query("UPDATE exports SET created_at = now() - interval '8 days'").execute(&bench.pool).await.unwrap();
        assert_eq!((remove_old(&bench.pool).await.unwrap(), orphans::remove(&bench.pool, &bench.media()).await.unwrap()), (1, 1));
        assert!(!file.exists(), "kept for seven days");
        worker.stop().await;
    })
    .await;
}

#[tokio::test]
async fn asking_is_bounded_repeatable_and_needs_the_csrf_token() {
    run(async |bench| {
        let ada = bench.server().await;
        let ask = || ada.request(Method::POST, "/api/v1/exports").header("idempotency-key", "k");
        let (first, second) = (send(ask()).await, send(ask()).await);
        assert_eq!((first.status, &first.body), (StatusCode::ACCEPTED, &second.body));
        assert_eq!(second.headers["idempotency-replayed"], "true");
        for status in [StatusCode::ACCEPTED, StatusCode::ACCEPTED, StatusCode::CONFLICT] {
            assert_eq!(ada.post("/api/v1/exports", json!({})).await.status, status);
        }
        let mut forger = (*ada).clone();
        forger.csrf_token = "x".into();
        forger.post("/api/v1/exports", json!({})).await.assert_problem(StatusCode::FORBIDDEN, "/api/v1/exports");
    })
    .await;
}

#[tokio::test]
async fn a_killed_worker_leaves_nothing_and_another_one_writes_the_file() {
    run(async |bench| {
        let ada = with_tasks(bench, 20_000).await;
        let export = ask(&ada).await;
        let settings = Settings { lease: Duration::from_secs(1), poll: Duration::from_millis(200), ..Settings::default() };
        let start = || bench.worker_with(jobs::handlers(&bench.context(None)), settings.clone());
        let victim = start();
        eventually("it runs", async || state(&ada, &export).await != "queued").await;
        victim.kill().await;
        assert!(!path(bench, &export).exists() || state(&ada, &export).await == "done");
        let worker = start();
        eventually("it is done", async || state(&ada, &export).await == "done").await;
        assert_eq!(std::fs::read_to_string(path(bench, &export)).unwrap().lines().count(), 20_001);
        worker.stop().await;
    })
    .await;
}

#[tokio::test]
async fn an_export_that_cannot_be_written_has_failed_and_is_told() {
    run(async |bench| {
        let ada = bench.server().await;
        let mut socket = ada.socket().await;
        let export = ask(&ada).await;
        // A file in the place of the directory.
        let root = path(bench, &export).ancestors().nth(3).unwrap().to_owned();
        std::fs::write(&root, "").unwrap();
        let settings = Settings { backoff: Duration::from_millis(10), ..Settings::default() };
        let worker = bench.worker_with(jobs::handlers(&bench.context(None)), settings);
        eventually("it has failed", async || state(&ada, &export).await == "failed").await;
        while socket.next_of("export").await["export"]["state"] != "failed" {}
        std::fs::remove_file(&root).unwrap();
        // Its job is put aside a moment after the export says so.
        eventually("its job is put aside", async || {
            jobs::failed(&bench.pool).await.unwrap().iter().any(|job| job.kind == jobs::export::KIND)
        })
        .await;
        let failed = jobs::failed(&bench.pool).await.unwrap();
        let job = failed.iter().find(|job| job.kind == jobs::export::KIND).unwrap();
        assert!(job.last_error.as_ref().unwrap().contains("cannot be written to"), "{job:?}");
        assert!(jobs::retry_failed(&bench.pool, job.id).await.unwrap());
        eventually("the second chance is taken", async || state(&ada, &export).await == "done").await;
        worker.stop().await;
    })
    .await;
}
