//! What the process needs, and whether it is there: the checks behind the health routes, independent of HTTP.
use crate::{database, migrations, redis_client};
use redis::aio::ConnectionManager;
use serde::Serialize;
use sqlx::postgres::PgPool;
use std::future::Future;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// Where the health check of the container asks.
pub const CONTAINER_PATH: &str = "/api/v1/health/container";
/// A dependency that takes longer counts as away.
const BOUND: Duration = Duration::from_secs(1);
const PENDING: &str = "migrations are pending: run `backend migrate up`";

/// The state of everything the server depends on.
#[derive(Debug, Serialize)]
pub struct Report {
    /// `ready` or `unready`.
    pub status: &'static str,
    /// One result for each dependency.
    pub checks: Checks,
}

/// One result for each dependency.
#[derive(Debug, Serialize)]
pub struct Checks {
    /// PostgreSQL answers.
    pub database: Check,
    /// Redis takes values.
    pub redis: Check,
    /// No migration of this binary is pending.
    pub migrations: Migrations,
}

/// The result of one check.
#[derive(Debug, Serialize)]
pub struct Check {
    /// Whether it passed.
    pub ok: bool,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// Why it did not pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// The result of the check of migrations.
#[derive(Debug, Serialize)]
pub struct Migrations {
    /// How the check went.
    #[serde(flatten)]
    pub check: Check,
    /// How many migrations of this binary are applied, if the database told.
    pub applied: Option<usize>,
    /// How many are not.
    pub pending: Option<usize>,
}

impl Report {
    /// Whether everything is there.
    pub fn is_ready(&self) -> bool {
        self.status == "ready"
    }
}

/// Checks everything at once; takes a second at most.
pub async fn report(pool: &PgPool, redis: &ConnectionManager) -> Report {
    let (connection, redis, migrations) = tokio::join!(
        check(async { sqlx::query("SELECT 1").execute(pool).await.map_err(|error| database::reason(&error)) }),
        check(async { redis_client::check(redis).await.map_err(|error| error.to_string()) }),
        check(async { migrations::progress(pool).await.map_err(|error| database::reason(&error)) }),
    );
    let (applied, pending) = migrations.1.unzip();
    let mut schema = migrations.0;
    if pending.is_some_and(|pending| pending > 0) {
        schema.ok = false;
        schema.detail = Some(PENDING.to_owned());
    }
    let ready = connection.0.ok && redis.0.ok && schema.ok;
    Report {
        status: if ready { "ready" } else { "unready" },
        checks: Checks { database: connection.0, redis: redis.0, migrations: Migrations { check: schema, applied, pending } },
    }
}

/// Why requests cannot be answered at all now: the database does not answer, or has not the schema of this binary.
pub async fn obstacle(pool: &PgPool) -> Option<String> {
    let (check, progress) = check(async { migrations::progress(pool).await.map_err(|error| database::reason(&error)) }).await;
    match progress {
        Some((_, 0)) => None,
        Some(_) => Some(PENDING.to_owned()),
        None => Some(format!("the database is away: {}", check.detail.unwrap_or_default())),
    }
}

async fn check<T>(probe: impl Future<Output = Result<T, String>>) -> (Check, Option<T>) {
    let started = Instant::now();
    let outcome = timeout(BOUND, probe).await;
    let ms = started.elapsed().as_millis() as u64;
    match outcome {
        Ok(Ok(value)) => (Check { ok: true, ms, detail: None }, Some(value)),
        Ok(Err(error)) => (Check { ok: false, ms, detail: Some(error) }, None),
        Err(_) => (Check { ok: false, ms, detail: Some(format!("no answer within {} ms", BOUND.as_millis())) }, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_check_is_bounded() {
        let (check, value) = check(std::future::pending::<Result<(), String>>()).await;
        assert!(!check.ok && value.is_none());
        assert_eq!(check.detail.unwrap(), "no answer within 1000 ms");
    }
}
