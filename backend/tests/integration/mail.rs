//! Reminders: who is reminded of what, how often, and what happens when mail cannot be sent.
use crate::harness::{Bench, Client, Postbox, Worker, eventually, run};
use backend::jobs::{self, NewJob, Settings, enqueue, reminders};
use serde_json::{Value, json};
use std::time::Duration;
use time::{Date, OffsetDateTime};

fn in_days(days: i64) -> Date {
    OffsetDateTime::now_utc().date() + time::Duration::days(days)
}

fn worker(bench: &Bench, postbox: &Postbox) -> Worker {
    let settings = Settings { backoff: Duration::from_millis(10), ..Settings::default() };
    bench.worker_with(jobs::handlers(&bench.context(Some(&postbox.config))), settings)
}

async fn due(client: &Client, title: &str, days: i64) -> Value {
    client.create(json!({ "title": title, "due_on": in_days(days).to_string() })).await
}

/// Runs the search for due tasks, to its end.
async fn remind(bench: &Bench) {
    let job = NewJob { kind: reminders::DUE, coalesce_key: None, payload: json!({}), max_attempts: 1 };
    let id = enqueue(&mut bench.pool.acquire().await.unwrap(), &job).await.unwrap();
    let sql = "SELECT NOT EXISTS (SELECT FROM jobs WHERE (id = $1 OR kind = $2) AND state IN ('queued', 'running'))";
    let over = async || sqlx::query_scalar(sql).bind(id).bind(reminders::MAIL).fetch_one(&bench.pool).await.unwrap();
    eventually("due tasks were looked for and mails sent", over).await;
}

#[tokio::test]
async fn everybody_is_reminded_once_of_what_is_theirs() {
    run(async |bench| {
        let ada = bench.server().await;
        let bob = ada.sign_up("Bob").await;
        due(&ada, "Buy milk", 1).await;
        due(&ada, "Long ago", -400).await;
        due(&ada, "Not yet", 2).await;
        let done = due(&ada, "Done", 0).await;
        ada.complete_task(&done).await;
        ada.create(json!({ "title": "For Bob", "private": true, "assignee_id": bob.id(), "due_on": in_days(0).to_string() })).await;
        let postbox = Postbox::open().await;
        let worker = worker(bench, &postbox);
        eventually("two mails came", async || postbox.mails().len() == 2).await;
        remind(bench).await;
        let mails = postbox.mails();
        assert_eq!(mails.len(), 2, "nobody is reminded twice: {mails:?}");
        let to = |client: &Client| mails.iter().find(|mail| mail.contains(client.user["email"].as_str().unwrap())).unwrap();
        let adas = to(&ada);
        assert!(adas.contains("Subject: 2 tasks are due") && adas.contains("Buy milk") && adas.contains("Long ago"), "{adas}");
        assert!(!["Not yet", "Done", "For Bob"].iter().any(|title| adas.contains(title)), "{adas}");
        let bobs = to(&bob);
        assert!(bobs.contains("For Bob") && bobs.contains("http://board.test/tasks/"), "{bobs}");
        let ids: Vec<uuid::Uuid> =
            sqlx::query_scalar("SELECT id FROM jobs WHERE kind = $1").bind(reminders::MAIL).fetch_all(&bench.pool).await.unwrap();
        assert!(ids.iter().all(|id| mails.iter().any(|mail| mail.contains(&format!("Message-ID: <{id}@example.com>")))), "{mails:?}");

        let (task,): (uuid::Uuid,) = sqlx::query_as("SELECT id FROM tasks WHERE title = 'Buy milk'").fetch_one(&bench.pool).await.unwrap();
        let task = ada.get(&format!("/api/v1/tasks/{task}")).await.body;
        ada.change_task(&task, json!({ "due_on": in_days(0).to_string() })).await;
        remind(bench).await;
        assert_eq!(postbox.mails().len(), 3, "another date is worth another reminder");
        worker.stop().await;
    })
    .await;
}

#[tokio::test]
async fn one_mail_lists_fifty_tasks_and_counts_the_others() {
    run(async |bench| {
        let ada = bench.server().await;
        let sql = "INSERT INTO tasks (id, title, due_on, created_by) SELECT gen_random_uuid(), 'Task ' || n, current_date, $1 FROM generate_series(1, 70) n";
        sqlx::query(sql).bind(ada.id().parse::<uuid::Uuid>().unwrap()).execute(&bench.pool).await.unwrap();
        let postbox = Postbox::open().await;
        let worker = worker(bench, &postbox);
        eventually("a mail came", async || postbox.mails().len() == 1).await;
        let mail = &postbox.mails()[0];
        assert_eq!((mail.matches("/tasks/").count(), mail.contains("70 tasks are due"), mail.contains("and 20 more")), (50, true, true), "{mail}");
        worker.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_mail_that_is_refused_is_given_up_and_one_that_is_out_of_date_is_not_sent() {
    run(async |bench| {
        let ada = bench.server().await;
        let task = due(&ada, "Buy milk", 0).await;
        sqlx::query("UPDATE users SET email = 'nobody@example.com'").execute(&bench.pool).await.unwrap();
        let postbox = Postbox::open().await;
        let worker = worker(bench, &postbox);
        eventually("given up", async || jobs::failed(&bench.pool).await.unwrap().len() == 1).await;
        let failed = jobs::failed(&bench.pool).await.unwrap().remove(0);
        assert_eq!((failed.kind.as_str(), failed.attempts), (reminders::MAIL, 1));
        assert!(failed.last_error.unwrap().contains("no such mailbox"));
        assert!(!failed.payload.to_string().contains("milk"), "the queue holds ids, not what people wrote");

        sqlx::query("UPDATE users SET email = 'ada@example.com'").execute(&bench.pool).await.unwrap();
        ada.complete_task(&task).await;
        assert!(jobs::retry_failed(&bench.pool, failed.id).await.unwrap());
        remind(bench).await;
        assert!(jobs::failed(&bench.pool).await.unwrap().is_empty());
        assert!(postbox.mails().is_empty(), "what was done meanwhile is not worth a mail");
        worker.stop().await;
    })
    .await;
}
