//! Recurring jobs: when each is due is kept in PostgreSQL, so that any number of workers enqueue it once.
use super::{NewJob, enqueue, housekeeping, reminders};
use serde_json::json;
use sqlx::postgres::PgPool;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

/// What recurs, and how often.
const RECURRING: [(&str, Duration); 5] = [
    (reminders::DUE, HOUR),
    (housekeeping::REMOVE_ORPHANS, HOUR),
    (housekeeping::PRUNE_JOBS, HOUR),
    (housekeeping::PRUNE_IDEMPOTENCY_KEYS, HOUR),
    (housekeeping::PRUNE_PASSWORD_RESETS, HOUR),
];

/// Enqueues what is due, of the given kinds, and says how many jobs that were. A time that was missed is not made up for: whatever recurs finds
/// everything that is to be done. Concurrent calls wait for each other's row and then find that nothing is due.
pub async fn tick(pool: &PgPool, kinds: &[String]) -> Result<usize, sqlx::Error> {
    let mut enqueued = 0;
    for (kind, period) in RECURRING.into_iter().filter(|(kind, _)| kinds.iter().any(|known| known == kind)) {
        let mut transaction = pool.begin().await?;
        let sql = "INSERT INTO schedules (kind) VALUES ($1) ON CONFLICT DO NOTHING";
        sqlx::query(sql).bind(kind).execute(&mut *transaction).await?;
        let sql = "UPDATE schedules SET next_at = now() + make_interval(secs => $2) WHERE kind = $1 AND next_at <= now()";
        let due = sqlx::query(sql).bind(kind).bind(period.as_secs_f64()).execute(&mut *transaction).await?.rows_affected() == 1;
        if due {
            // The key: if the jobs of some hours wait, they are done as one.
            let job = NewJob { kind, coalesce_key: Some(kind), payload: json!({}), max_attempts: 3 };
            enqueue(&mut transaction, &job).await?;
            enqueued += 1;
        }
        transaction.commit().await?;
    }
    Ok(enqueued)
}
