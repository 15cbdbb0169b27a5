//! The figures of the board in PostgreSQL. The worker recomputes them from the tasks, so that doing it twice does no harm.
//! Private tasks are left out: how many there are is nobody's business.
use serde::Serialize;
use sqlx::postgres::PgPool;
use time::OffsetDateTime;

/// The figures, as stored and as sent to clients:
/// `{"open": 3, "done": 5, "created": 8, "last_activity_at": "…" | null, "updated_at": "…" | null}`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema, sqlx::FromRow)]
pub struct BoardStats {
    /// Open tasks.
    pub open: i64,
    /// Completed tasks.
    pub done: i64,
    /// All tasks.
    pub created: i64,
    /// When a task was last created or completed.
    #[serde(with = "time::serde::rfc3339::option")]
    pub last_activity_at: Option<OffsetDateTime>,
    /// When these figures were computed: figures with an earlier time are outdated.
    #[serde(with = "time::serde::rfc3339::option")]
    pub updated_at: Option<OffsetDateTime>,
}

/// The figures as they were last computed.
pub async fn read(pool: &PgPool) -> Result<BoardStats, sqlx::Error> {
    sqlx::query_as("SELECT open, done, created, last_activity_at, updated_at FROM board_stats").fetch_one(pool).await
}

/// Computes the figures from the tasks, and stores them.
pub async fn recompute(pool: &PgPool) -> Result<BoardStats, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    // The lock comes before the statement that counts: of two that run at once, the one that writes last has also counted last.
    sqlx::query("SELECT FROM board_stats FOR UPDATE").execute(&mut *transaction).await?;
    // Nobody waits for it: it takes one processor a little longer instead of several that people's requests need.
    sqlx::query("SET LOCAL max_parallel_workers_per_gather = 0").execute(&mut *transaction).await?;
    let stats = sqlx::query_as(
        "UPDATE board_stats SET open = counted.open, done = counted.done, created = counted.created,
                last_activity_at = counted.last_activity_at, updated_at = clock_timestamp()
         FROM (SELECT count(*) FILTER (WHERE completed_at IS NULL) AS open, count(completed_at) AS done, count(*) AS created,
                      max(greatest(tasks.created_at, completed_at)) AS last_activity_at FROM tasks WHERE NOT private) AS counted
         RETURNING board_stats.open, board_stats.done, board_stats.created, board_stats.last_activity_at, board_stats.updated_at",
    )
    .fetch_one(&mut *transaction)
    .await?;
    transaction.commit().await?;
    Ok(stats)
}
