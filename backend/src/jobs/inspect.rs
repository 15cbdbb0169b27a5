//! What the administration and the metrics show of the queue, and the second chance of failed jobs.
use super::queue::CHANNEL;
use serde::Serialize;
use sqlx::postgres::PgPool;
use time::OffsetDateTime;
use uuid::Uuid;

/// The most failed jobs in one list.
const MAX_FAILED: i64 = 100;

/// A job that was given up.
#[derive(Debug, Clone, Serialize, sqlx::FromRow)]
pub struct FailedJob {
    /// Its id.
    pub id: Uuid,
    /// Which handler ran it.
    pub kind: String,
    /// What the handler was told.
    pub payload: serde_json::Value,
    /// How often it was tried.
    pub attempts: i32,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// When it was enqueued.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When it was given up.
    #[serde(with = "time::serde::rfc3339")]
    pub finished_at: OffsetDateTime,
}

/// How the queue stands.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figures {
    /// Jobs that wait: for a worker, or for the time of their next attempt.
    pub queued: i64,
    /// Jobs that a worker holds.
    pub running: i64,
    /// Jobs that were done within the last day.
    pub done: i64,
    /// Jobs that were given up.
    pub failed: i64,
    /// For how many seconds the first job in the line has been waiting for a worker.
    pub oldest_seconds: f64,
}

/// How long the queue is. Unlike [`Figures`] it does not count what is done, so that it is cheap however much that is.
#[derive(Debug, Clone, Copy, PartialEq, sqlx::FromRow)]
pub struct Depth {
    /// Jobs that wait for a worker.
    pub ready: i64,
    /// Jobs that wait for the time of their next attempt.
    pub waiting: i64,
    /// Jobs that a worker holds.
    pub running: i64,
    /// Jobs that were given up.
    pub failed: i64,
    /// For how many seconds the first job in the line has been waiting for a worker.
    pub oldest_seconds: f64,
}

/// The jobs that were given up last.
pub async fn failed(pool: &PgPool) -> Result<Vec<FailedJob>, sqlx::Error> {
    let sql = "SELECT id, kind, payload, attempts, left(last_error, 1000) AS last_error, created_at, finished_at
               FROM jobs WHERE state = 'failed' ORDER BY finished_at DESC LIMIT $1";
    sqlx::query_as(sql).bind(MAX_FAILED).fetch_all(pool).await
}

/// Puts a failed job back into the queue, with all its attempts. `false`: there is no such failed job.
pub async fn retry_failed(pool: &PgPool, id: Uuid) -> Result<bool, sqlx::Error> {
    let sql = "WITH job AS (UPDATE jobs SET state = 'queued', attempts = 0, finished_at = NULL, claimable_at = now()
                            WHERE id = $1 AND state = 'failed' RETURNING id)
               SELECT pg_notify($2, '') FROM job";
    Ok(sqlx::query(sql).bind(id).bind(CHANNEL).fetch_optional(pool).await?.is_some())
}

/// How the queue stands.
pub async fn figures(pool: &PgPool) -> Result<Figures, sqlx::Error> {
    let Depth { ready, waiting, running, failed, oldest_seconds } = depth(pool).await?;
    let done = sqlx::query_scalar("SELECT count(*) FROM jobs WHERE state = 'done'").fetch_one(pool).await?;
    Ok(Figures { queued: ready + waiting, running, done, failed, oldest_seconds })
}

/// How long the queue is. Each figure is read from an index of its own.
pub async fn depth(pool: &PgPool) -> Result<Depth, sqlx::Error> {
    let sql = "SELECT count(*) FILTER (WHERE state = 'queued' AND claimable_at <= now()) AS ready,
                      count(*) FILTER (WHERE state = 'queued' AND claimable_at > now()) AS waiting,
                      count(*) FILTER (WHERE state = 'running') AS running,
                      (SELECT count(*) FROM jobs WHERE state = 'failed') AS failed,
                      coalesce(extract(epoch FROM max(now() - claimable_at) FILTER (WHERE state = 'queued' AND claimable_at <= now())), 0)::float8
                          AS oldest_seconds
               FROM jobs WHERE state IN ('queued', 'running')";
    sqlx::query_as(sql).fetch_one(pool).await
}
