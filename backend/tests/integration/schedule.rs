//! Recurring jobs, failed jobs, and what is kept of either.
use crate::harness::{Bench, eventually, run};
use backend::database;
use backend::jobs::{self, Handler, Handlers, Hopeless, NewJob, Settings, enqueue, housekeeping, reminders, schedule};
use futures_util::future::join_all;
use serde_json::json;
use sqlx::PgPool;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use uuid::Uuid;

async fn add(bench: &Bench, kind: &str, max_attempts: i32) -> Uuid {
    let job = NewJob { kind, coalesce_key: None, payload: json!({ "kind": kind }), max_attempts };
    enqueue(&mut bench.pool.acquire().await.unwrap(), &job).await.unwrap()
}

async fn count(pool: &PgPool) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM jobs").fetch_one(pool).await.unwrap()
}

#[tokio::test]
async fn what_recurs_is_enqueued_once_by_any_number_of_workers() {
    run(async |bench| {
        let kinds: Vec<String> = [housekeeping::REMOVE_ORPHANS, housekeeping::PRUNE_JOBS, "unknown"].map(str::to_owned).into();
        let workers: Vec<PgPool> = (0..8).map(|_| database::pool(&bench.database, "worker")).collect();
        let tick_all = async || join_all(workers.iter().map(async |pool| schedule::tick(pool, &kinds).await.unwrap())).await;
        assert_eq!(tick_all().await.iter().sum::<usize>(), 2, "the first time is now");
        assert_eq!(tick_all().await.iter().sum::<usize>(), 0, "then it is in an hour");
        sqlx::query("UPDATE schedules SET next_at = now() - interval '3 days'").execute(&bench.pool).await.unwrap();
        assert_eq!(tick_all().await.iter().sum::<usize>(), 2, "what was missed is not made up for");
        assert_eq!(tick_all().await.iter().sum::<usize>(), 0);
        assert_eq!(count(&bench.pool).await, 4);
        let ahead: bool =
            sqlx::query_scalar("SELECT bool_and(next_at > now() + interval '59 min') FROM schedules").fetch_one(&bench.pool).await.unwrap();
        assert!(ahead);
    })
    .await;
}

#[tokio::test]
async fn a_worker_does_what_recurs_and_leaves_reminders_to_workers_with_mail() {
    run(async |bench| {
        let sql = "INSERT INTO jobs (id, kind, state, finished_at) VALUES (gen_random_uuid(), $1, $1, now() - $2::interval)";
        for (state, age) in [("done", "2 days"), ("failed", "100 days"), ("failed", "2 days")] {
            sqlx::query(sql).bind(state).bind(age).execute(&bench.pool).await.unwrap();
        }
        let worker = bench.worker();
        let sql = "SELECT count(*) FROM jobs WHERE kind = ANY ($1) AND state = 'done'";
        let kinds = [
            housekeeping::REMOVE_ORPHANS,
            housekeeping::PRUNE_JOBS,
            housekeeping::PRUNE_IDEMPOTENCY_KEYS,
            housekeeping::PRUNE_PASSWORD_RESETS,
        ]
        .map(str::to_owned);
        eventually("all of it is done", async || {
            sqlx::query_scalar::<_, i64>(sql).bind(kinds.as_slice()).fetch_one(&bench.pool).await.unwrap() == 4
        })
        .await;
        assert_eq!(count(&bench.pool).await, 5, "the old ones are gone");
        let due: i64 =
            sqlx::query_scalar("SELECT count(*) FROM jobs WHERE kind = $1").bind(reminders::DUE).fetch_one(&bench.pool).await.unwrap();
        assert_eq!(due, 0);
        worker.stop().await;
    })
    .await;
}

#[tokio::test]
async fn failed_jobs_are_listed_and_get_a_second_chance() {
    run(async |bench| {
        let (given_up, well) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (told, ready) = (given_up.clone(), well.clone());
        let hopeless = Handler::new(|_| async { Err(Hopeless(anyhow::anyhow!("no such mailbox")).into()) });
        let failing = Handler::new(move |_| {
            let ready = ready.load(Ordering::SeqCst) > 0;
            async move { if ready { Ok(()) } else { anyhow::bail!("not yet") } }
        });
        let slow = Handler::new(|_| std::future::pending()).timeout(Duration::from_millis(20));
        let failing = failing.given_up(move |_| {
            told.fetch_add(1, Ordering::SeqCst);
            async { anyhow::bail!("nor this") }
        });
        let handlers = Handlers::default().with_handler("hopeless", hopeless).with_handler("failing", failing).with_handler("slow", slow);
        let ids = [add(bench, "hopeless", 10).await, add(bench, "failing", 2).await, add(bench, "slow", 1).await];
        assert!(jobs::figures(&bench.pool).await.unwrap().oldest_seconds > 0.0);
        let worker = bench.worker_with(handlers, Settings { backoff: Duration::from_millis(10), ..Settings::default() });
        eventually("all failed", async || jobs::failed(&bench.pool).await.unwrap().len() == 3).await;
        let failed = jobs::failed(&bench.pool).await.unwrap();
        let of = |id: Uuid| failed.iter().find(|job| job.id == id).unwrap();
        assert_eq!((of(ids[0]).attempts, of(ids[0]).last_error.as_deref()), (1, Some("no such mailbox")), "not tried in vain");
        assert_eq!((of(ids[1]).attempts, of(ids[1]).last_error.as_deref()), (2, Some("not yet")));
        assert_eq!(of(ids[2]).last_error.as_deref(), Some("not finished within 0 s"));
        assert_eq!(given_up.load(Ordering::SeqCst), 1);
        assert_eq!(of(ids[1]).payload, json!({ "kind": "failing" }));

        well.store(1, Ordering::SeqCst);
        assert!(jobs::retry_failed(&bench.pool, ids[1]).await.unwrap());
        eventually("it is done", async || jobs::figures(&bench.pool).await.unwrap().done == 1).await;
        assert!(!jobs::retry_failed(&bench.pool, ids[1]).await.unwrap(), "done jobs are left alone");
        assert!(!jobs::retry_failed(&bench.pool, Uuid::nil()).await.unwrap());
        let figures = jobs::figures(&bench.pool).await.unwrap();
        assert_eq!((figures.queued, figures.running, figures.failed, figures.oldest_seconds), (0, 0, 2, 0.0));
        worker.stop().await;
    })
    .await;
}
