//! Many jobs, and workers that are killed at random: every job takes effect exactly once, and none is lost.
//! `SOAK_JOBS` says how many; `cargo xtask test e2e --filter no_job_is_lost` runs only this.
use crate::harness::{Bench, PATIENCE, Worker, run};
use backend::jobs::{Handlers, NewJob, Settings, enqueue};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

const WORKERS: usize = 3;
/// A worker is killed each time that so many jobs took effect.
const KILL_EVERY: u64 = 40;

/// What the jobs leave behind.
#[derive(Default)]
struct Traces {
    effects: AtomicU64,
    absorbed: AtomicU64,
    kill: Notify,
}

/// A worker whose jobs leave one row each; a second effect of a job is absorbed, and counted.
fn worker(bench: &Bench, traces: &Arc<Traces>) -> Worker {
    let (pool, traces) = (bench.pool.clone(), traces.clone());
    let handlers = Handlers::default().with("effect", move |job| {
        let (pool, traces) = (pool.clone(), traces.clone());
        async move {
            let effect = sqlx::query("INSERT INTO effects VALUES ($1) ON CONFLICT DO NOTHING").bind(job.id).execute(&pool).await?;
            if effect.rows_affected() == 0 {
                traces.absorbed.fetch_add(1, Ordering::SeqCst);
            } else if traces.effects.fetch_add(1, Ordering::SeqCst) % KILL_EVERY == KILL_EVERY - 1 {
                traces.kill.notify_one();
            }
            Ok(())
        }
    });
    let settings = Settings { lease: Duration::from_secs(1), poll: Duration::from_millis(200), ..Settings::default() };
    bench.worker_with(handlers, settings)
}

async fn count(bench: &Bench, sql: &'static str) -> i64 {
    loop {
        match sqlx::query_scalar(sql).fetch_one(&bench.pool).await {
            // The workers have all of its connections. Whether they make progress is checked by the caller.
            Err(sqlx::Error::PoolTimedOut) => {}
            outcome => return outcome.unwrap(),
        }
    }
}

#[tokio::test]
async fn no_job_is_lost_or_done_twice_when_workers_are_killed() {
    let jobs: i64 = std::env::var("SOAK_JOBS").map_or(1000, |jobs| jobs.parse().unwrap());
    run(async |bench| {
        sqlx::query("CREATE TABLE effects (job uuid PRIMARY KEY)").execute(&bench.pool).await.unwrap();
        let mut transaction = bench.pool.begin().await.unwrap();
        for _ in 0..jobs {
            let job = NewJob { kind: "effect", coalesce_key: None, payload: json!({}), max_attempts: 50 };
            enqueue(&mut transaction, &job).await.unwrap();
        }
        transaction.commit().await.unwrap();
        let traces = Arc::<Traces>::default();
        let mut workers: Vec<Worker> = (0..WORKERS).map(|_| worker(bench, &traces)).collect();
        let (started, mut kills, mut done, mut progress) = (Instant::now(), 0, 0, Instant::now());
        while done < jobs {
            if timeout(Duration::from_millis(100), traces.kill.notified()).await.is_ok() {
                let victim = Uuid::new_v4().as_u64_pair().1 as usize % WORKERS;
                workers.swap_remove(victim).kill().await;
                workers.push(worker(bench, &traces));
                kills += 1;
            }
            let now_done = count(bench, "SELECT count(*) FROM jobs WHERE state = 'done'").await;
            if now_done > std::mem::replace(&mut done, now_done) {
                progress = Instant::now();
            }
            assert!(progress.elapsed() < PATIENCE, "stuck at {done} of {jobs}");
        }
        let seconds = started.elapsed().as_secs_f64();
        assert_eq!(count(bench, "SELECT count(*) FROM effects JOIN jobs ON id = job").await, jobs, "each job took effect, and no other");
        let rescued = count(bench, "SELECT count(*) FROM jobs WHERE attempts > 1").await;
        assert!(kills > jobs / 100 && rescued > 0, "the workers were killed while they worked: {kills} kills, {rescued} rescued");
        let (rate, absorbed) = (jobs as f64 / seconds, traces.absorbed.load(Ordering::SeqCst));
        eprintln!(
            "{jobs} jobs in {seconds:.1} s ({rate:.0}/s), {kills} kills, {rescued} jobs ran again, {absorbed} repeated effects absorbed"
        );
        for worker in workers {
            worker.stop().await;
        }
    })
    .await;
}
