//! The queue and its workers.
use crate::harness::{Bench, eventually, run};
use backend::jobs::{Handlers, NewJob, Settings, board_stats, enqueue};
use serde_json::json;
use sqlx::PgPool;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use uuid::Uuid;

/// Short waits: these tests are about what happens, not when.
fn quick() -> Settings {
    Settings {
        lease: Duration::from_secs(2),
        poll: Duration::from_millis(500),
        backoff: Duration::from_millis(10),
        drain: Duration::from_secs(1),
        ..Settings::default()
    }
}

async fn add(bench: &Bench, kind: &str, max_attempts: i32) -> Uuid {
    let job = NewJob { kind, coalesce_key: None, payload: json!({}), max_attempts };
    enqueue(&mut bench.pool.acquire().await.unwrap(), &job).await.unwrap()
}

async fn count(pool: &PgPool, state: &str) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM jobs WHERE state = $1").bind(state).fetch_one(pool).await.unwrap()
}

/// A handler that never ends.
fn hang() -> Handlers {
    Handlers::default().with("effect", |_| std::future::pending())
}

/// A handler that leaves one row for each run.
fn effect(pool: &PgPool) -> Handlers {
    let pool = pool.clone();
    Handlers::default().with("effect", move |job| {
        let pool = pool.clone();
        async move {
            sqlx::query("INSERT INTO effects VALUES ($1)").bind(job.id).execute(&pool).await?;
            Ok(())
        }
    })
}

#[tokio::test]
async fn jobs_of_a_killed_worker_are_rescued() {
    run(async |bench| {
        sqlx::query("CREATE TABLE effects (job uuid PRIMARY KEY)").execute(&bench.pool).await.unwrap();
        for _ in 0..200 {
            add(bench, "effect", 10).await;
        }
        let victim = bench.worker_with(hang(), quick());
        eventually("the victim is busy", async || count(&bench.pool, "running").await == 4).await;
        let others = [bench.worker_with(effect(&bench.pool), quick()), bench.worker_with(effect(&bench.pool), quick())];
        victim.kill().await;
        eventually("all jobs are done", async || count(&bench.pool, "done").await == 200).await;
        let effects: i64 = sqlx::query_scalar("SELECT count(*) FROM effects").fetch_one(&bench.pool).await.unwrap();
        assert_eq!(effects, 200);
        let rescued: i64 = sqlx::query_scalar("SELECT count(*) FROM jobs WHERE attempts = 2").fetch_one(&bench.pool).await.unwrap();
        assert_eq!(rescued, 4, "the victim's jobs, and no others, ran again");
        for worker in others {
            worker.stop().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_stopping_worker_hands_its_jobs_back() {
    run(async |bench| {
        add(bench, "effect", 10).await;
        let worker = bench.worker_with(hang(), quick());
        eventually("the job runs", async || count(&bench.pool, "running").await == 1).await;
        worker.stop().await;
        let (state, attempts): (String, i32) = sqlx::query_as("SELECT state, attempts FROM jobs").fetch_one(&bench.pool).await.unwrap();
        assert_eq!((state.as_str(), attempts), ("queued", 0));
    })
    .await;
}

#[tokio::test]
async fn a_failing_job_is_tried_again_and_then_kept() {
    run(async |bench| {
        let runs = Arc::new(AtomicUsize::new(0));
        let counted = runs.clone();
        let handlers = Handlers::default()
            .with("second time", move |_| {
                let first = counted.fetch_add(1, Ordering::SeqCst) == 0;
                async move { if first { anyhow::bail!("not today") } else { Ok(()) } }
            })
            .with("never", |_| async { anyhow::bail!("not ever") })
            .with("panic", |_| async { panic!("a mistake") });
        let second_time = add(bench, "second time", 5).await;
        let never = add(bench, "never", 3).await;
        let panics = add(bench, "panic", 1).await;
        let unknown = add(bench, "unknown", 1).await;
        let worker = bench.worker_with(handlers, quick());
        eventually("all have ended", async || (count(&bench.pool, "done").await, count(&bench.pool, "failed").await) == (1, 2)).await;
        let job = async |id: Uuid| -> (String, i32, Option<String>) {
            let sql = "SELECT state, attempts, last_error FROM jobs WHERE id = $1";
            sqlx::query_as(sql).bind(id).fetch_one(&bench.pool).await.unwrap()
        };
        assert_eq!(job(second_time).await, ("done".into(), 2, None));
        assert_eq!(job(never).await, ("failed".into(), 3, Some("not ever".into())));
        assert_eq!(job(panics).await, ("failed".into(), 1, Some("the handler panicked".into())));
        assert_eq!(job(unknown).await, ("queued".into(), 0, None), "left to a worker that knows the kind");
        assert_eq!(runs.load(Ordering::SeqCst), 2);
        worker.stop().await;
    })
    .await;
}

#[tokio::test]
async fn a_job_that_kills_its_workers_runs_out_of_attempts() {
    run(async |bench| {
        add(bench, "effect", 1).await;
        let victim = bench.worker_with(hang(), quick());
        eventually("the job runs", async || count(&bench.pool, "running").await == 1).await;
        victim.kill().await;
        let worker = bench.worker_with(hang(), quick());
        eventually("given up", async || count(&bench.pool, "failed").await == 1).await;
        worker.stop().await;
    })
    .await;
}

#[tokio::test]
async fn requests_for_the_same_work_are_done_as_one() {
    run(async |bench| {
        let server = bench.server().await;
        for number in 0..20 {
            server.create_task(&number.to_string()).await;
        }
        assert_eq!(count(&bench.pool, "queued").await, 20);
        let worker = bench.worker();
        eventually("nothing waits", async || count(&bench.pool, "queued").await + count(&bench.pool, "running").await == 0).await;
        let sql = "SELECT count(*) FROM jobs WHERE kind = $1";
        let done: i64 = sqlx::query_scalar(sql).bind(board_stats::KIND).fetch_one(&bench.pool).await.unwrap();
        assert!((1..=4).contains(&done), "at most one for each place of the worker: {done}");
        assert_eq!(server.get("/api/v1/stats").await.body["created"], 20);
        worker.stop().await;
    })
    .await;
}
