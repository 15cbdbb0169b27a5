//! Many jobs, and workers that are killed at random: every job takes effect exactly once, and none is lost.
//! `SOAK_JOBS` says how many; `cargo test -p backend --test integration soak -- --nocapture` shows the figures.
use crate::harness::{Bench, Worker, run};
use backend::jobs::{Handlers, NewJob, Settings, enqueue};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

const WORKERS: usize = 3;

fn random(bound: u64) -> u64 {
    Uuid::new_v4().as_u64_pair().1 % bound
}

/// A worker whose jobs leave one row each; a second effect of a job is absorbed, and counted.
fn worker(bench: &Bench, absorbed: &Arc<AtomicU64>) -> Worker {
    let (pool, absorbed) = (bench.pool.clone(), absorbed.clone());
    let handlers = Handlers::default().with("effect", move |job| {
        let (pool, absorbed) = (pool.clone(), absorbed.clone());
        async move {
            let effect = sqlx::query("INSERT INTO effects VALUES ($1) ON CONFLICT DO NOTHING").bind(job.id).execute(&pool).await?;
            absorbed.fetch_add(1 - effect.rows_affected(), Ordering::SeqCst);
            Ok(())
        }
    });
    let settings = Settings { lease: Duration::from_secs(1), poll: Duration::from_millis(200), ..Settings::default() };
    bench.worker_with(handlers, settings)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_job_is_lost_or_done_twice_when_workers_are_killed() {
    let jobs: u64 = std::env::var("SOAK_JOBS").map_or(1000, |jobs| jobs.parse().unwrap());
    run(async |bench| {
        sqlx::query("CREATE TABLE effects (job uuid PRIMARY KEY)").execute(&bench.pool).await.unwrap();
        for _ in 0..jobs.div_ceil(1000) {
            let mut transaction = bench.pool.begin().await.unwrap();
            for _ in 0..jobs.min(1000) {
                let job = NewJob { kind: "effect", coalesce_key: None, payload: json!({}), max_attempts: 50 };
                enqueue(&mut transaction, &job).await.unwrap();
            }
            transaction.commit().await.unwrap();
        }
        let total: i64 = sqlx::query_scalar("SELECT count(*) FROM jobs").fetch_one(&bench.pool).await.unwrap();
        let absorbed = Arc::<AtomicU64>::default();
        let mut workers: Vec<Worker> = (0..WORKERS).map(|_| worker(bench, &absorbed)).collect();
        let (started, mut kills, mut next_kill) = (Instant::now(), 0, 10);
        let mut progress = (0, Instant::now());
        while progress.0 < total {
            let done: i64 = sqlx::query_scalar("SELECT count(*) FROM jobs WHERE state = 'done'").fetch_one(&bench.pool).await.unwrap();
            if done > progress.0 {
                progress = (done, Instant::now());
            }
            assert!(progress.1.elapsed() < crate::harness::PATIENCE, "stuck at {done} of {total}");
            if done >= next_kill && done < total {
                workers.swap_remove(random(WORKERS as u64) as usize).kill().await;
                workers.push(worker(bench, &absorbed));
                kills += 1;
                next_kill = done + 20 + random(40) as i64;
            }
            // How often to look; what is waited for is the count.
            sleep(Duration::from_millis(2)).await;
        }
        let seconds = started.elapsed().as_secs_f64();
        let effects: i64 = sqlx::query_scalar("SELECT count(*) FROM effects JOIN jobs ON id = job").fetch_one(&bench.pool).await.unwrap();
        assert_eq!(effects, total, "each job took effect once");
        let rescued: i64 = sqlx::query_scalar("SELECT count(*) FROM jobs WHERE attempts > 1").fetch_one(&bench.pool).await.unwrap();
        assert!(kills >= total / 100 && rescued > 0, "the workers were killed while they worked: {kills} kills, {rescued} rescued");
        let (rate, absorbed) = (total as f64 / seconds, absorbed.load(Ordering::SeqCst));
        eprintln!(
            "{total} jobs in {seconds:.1} s ({rate:.0}/s), {kills} kills, {rescued} jobs ran again, {absorbed} repeated effects absorbed"
        );
        for worker in workers {
            worker.stop().await;
        }
    })
    .await;
}
