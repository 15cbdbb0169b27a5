//! The queue: one table, row locks, and a notification for each new job.
use serde_json::Value;
use sqlx::postgres::{PgConnection, PgPool};
use std::time::Duration;
use uuid::Uuid;

/// The notification channel: every worker listens.
pub(super) const CHANNEL: &str = "jobs";
/// How long finished jobs can be looked up.
const KEEP_DONE: &str = "1 day";
/// How long failed jobs can be looked up and tried again.
const KEEP_FAILED: &str = "90 days";

/// A job to enqueue.
#[derive(Debug)]
pub struct NewJob<'a> {
    /// Which handler runs it.
    pub kind: &'a str,
    /// Queued jobs of one kind with the same key are done together, as one.
    pub coalesce_key: Option<&'a str>,
    /// What the handler needs to know.
    pub payload: Value,
    /// How often to try.
    pub max_attempts: i32,
}

/// A job that a worker has claimed.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Job {
    /// Its id.
    pub id: Uuid,
    /// Which handler runs it.
    pub kind: String,
    /// What the handler needs to know.
    pub payload: Value,
    /// Which attempt this is, from 1.
    pub attempts: i32,
    /// The last attempt.
    pub max_attempts: i32,
    /// The worker's lease: it changes the job only while the job has it.
    pub(super) lease: Uuid,
}

/// Enqueues a job as part of the caller's transaction: workers are notified when that is committed.
///
/// Jobs with the same key are not merged here but when one is claimed. Here, all transactions would have to wait for each other's commits
/// on the one queued job, because one that the worker claims just before a commit would not see what was committed.
pub async fn enqueue(connection: &mut PgConnection, job: &NewJob<'_>) -> Result<Uuid, sqlx::Error> {
    let id = Uuid::now_v7();
    sqlx::query(
        "WITH job AS (INSERT INTO jobs (id, kind, coalesce_key, payload, max_attempts) VALUES ($1, $2, $3, $4, $5))
         SELECT pg_notify($6, '')",
    )
    .bind(id)
    .bind(job.kind)
    .bind(job.coalesce_key)
    .bind(&job.payload)
    .bind(job.max_attempts)
    .bind(CHANNEL)
    .execute(connection)
    .await?;
    Ok(id)
}

/// Takes the next job: a queued one whose time has come, or a running one whose lease has ended. Queued jobs with the same key are absorbed;
/// all of them were committed before, so that the handler sees what they were written for.
pub(super) async fn claim(pool: &PgPool, kinds: &[String], lease: Duration) -> Result<Option<Job>, sqlx::Error> {
    sqlx::query_as(
        "WITH next AS (
             SELECT id, kind, coalesce_key FROM jobs
             WHERE state IN ('queued', 'running') AND claimable_at <= now() AND kind = ANY ($1)
             ORDER BY claimable_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
         ), same AS (
             SELECT jobs.id FROM jobs JOIN next USING (kind, coalesce_key)
             WHERE jobs.state = 'queued' AND jobs.id <> next.id FOR UPDATE OF jobs SKIP LOCKED
         ), absorbed AS (
             DELETE FROM jobs USING same WHERE jobs.id = same.id
         )
         UPDATE jobs SET state = 'running', attempts = attempts + 1, lease = $2, claimable_at = now() + make_interval(secs => $3)
         FROM next WHERE jobs.id = next.id
         RETURNING jobs.id, jobs.kind, payload, attempts, max_attempts, lease",
    )
    .bind(kinds)
    .bind(Uuid::new_v4())
    .bind(lease.as_secs_f64())
    .fetch_optional(pool)
    .await
}

/// How long until the next job can be claimed, if there is one.
pub(super) async fn next_due(pool: &PgPool, kinds: &[String]) -> Result<Option<Duration>, sqlx::Error> {
    let seconds: Option<f64> = sqlx::query_scalar(
        "SELECT extract(epoch FROM min(claimable_at) - now())::float8 FROM jobs
         WHERE state IN ('queued', 'running') AND kind = ANY ($1)",
    )
    .bind(kinds)
    .fetch_one(pool)
    .await?;
    Ok(seconds.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::ZERO)))
}

/// Prolongs a lease. `false`: the job was taken over.
pub(super) async fn renew(pool: &PgPool, job: &Job, lease: Duration) -> Result<bool, sqlx::Error> {
    let sql = "UPDATE jobs SET claimable_at = now() + make_interval(secs => $3) WHERE id = $1 AND lease = $2";
    let done = sqlx::query(sql).bind(job.id).bind(job.lease).bind(lease.as_secs_f64()).execute(pool).await?;
    Ok(done.rows_affected() == 1)
}

/// Records success.
pub(super) async fn finish(pool: &PgPool, job: &Job) -> Result<(), sqlx::Error> {
    let sql = "UPDATE jobs SET state = 'done', lease = NULL, last_error = NULL, finished_at = now() WHERE id = $1 AND lease = $2";
    sqlx::query(sql).bind(job.id).bind(job.lease).execute(pool).await.map(drop)
}

/// Puts a job back for another attempt after `delay`.
pub(super) async fn retry(pool: &PgPool, job: &Job, error: &str, delay: Duration) -> Result<(), sqlx::Error> {
    let sql = "UPDATE jobs SET state = 'queued', lease = NULL, last_error = $3, claimable_at = now() + make_interval(secs => $4)
               WHERE id = $1 AND lease = $2";
    sqlx::query(sql).bind(job.id).bind(job.lease).bind(error).bind(delay.as_secs_f64()).execute(pool).await.map(drop)
}

/// Gives up on a job. It stays in the table for people to look at.
pub(super) async fn fail(pool: &PgPool, job: &Job, error: &str) -> Result<(), sqlx::Error> {
    let sql = "UPDATE jobs SET state = 'failed', lease = NULL, last_error = $3, finished_at = now() WHERE id = $1 AND lease = $2";
    sqlx::query(sql).bind(job.id).bind(job.lease).bind(error).execute(pool).await.map(drop)
}

/// Hands a job back unfinished, as if it had not been claimed.
pub(super) async fn release(pool: &PgPool, job: &Job) -> Result<(), sqlx::Error> {
    sqlx::query(
        "WITH job AS (UPDATE jobs SET state = 'queued', lease = NULL, attempts = attempts - 1, claimable_at = now()
                      WHERE id = $1 AND lease = $2)
         SELECT pg_notify($3, '')",
    )
    .bind(job.id)
    .bind(job.lease)
    .bind(CHANNEL)
    .execute(pool)
    .await
    .map(drop)
}

/// Removes jobs that ended long ago, a batch at a time.
pub(super) async fn prune(pool: &PgPool) -> Result<u64, sqlx::Error> {
    // The states are written out: each has an index of its own.
    let done = "DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE state = 'done' AND finished_at < now() - $1::interval LIMIT 1000)";
    let failed =
        "DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE state = 'failed' AND finished_at < now() - $1::interval LIMIT 1000)";
    let done = sqlx::query(done).bind(KEEP_DONE).execute(pool).await?.rows_affected();
    Ok(done + sqlx::query(failed).bind(KEEP_FAILED).execute(pool).await?.rows_affected())
}
