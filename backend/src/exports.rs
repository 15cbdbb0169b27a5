//! Exports in PostgreSQL: who asked for a file with their tasks, and how far it is. `jobs::export` writes the files.
use crate::jobs::{self, export};
use crate::tasks;
use serde::Serialize;
use sqlx::postgres::{PgConnection, PgPool, PgRow};
use sqlx::{FromRow, Row};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

/// The most exports in one answer.
const LISTED: i64 = 20;
/// The most exports of one person that are not finished.
pub const MAX_UNFINISHED: i64 = 3;
/// How long an export is kept.
const KEEP: &str = "7 days";

/// A file with all tasks that somebody may see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Export {
    /// UUID version 7.
    pub id: Uuid,
    /// Whose it is.
    #[serde(skip)]
    pub user_id: Uuid,
    /// `queued`, `running`, `done` or `failed`.
    #[schema(pattern = "^(queued|running|done|failed)$")]
    pub state: String,
    /// How many tasks are written.
    #[schema(minimum = 0)]
    pub rows_done: i64,
    /// How many there are, once that is known.
    #[schema(minimum = 0)]
    pub rows_total: Option<i64>,
    /// When it was asked for.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When it was done, or given up.
    #[serde(with = "time::serde::rfc3339::option")]
    pub finished_at: Option<OffsetDateTime>,
    /// Where to get it, once it is done. It is removed after seven days.
    pub url: Option<String>,
}

impl FromRow<'_, PgRow> for Export {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let (id, state): (Uuid, String) = (row.try_get("id")?, row.try_get("state")?);
        Ok(Export {
            id,
            user_id: row.try_get("user_id")?,
            rows_done: row.try_get("rows_done")?,
            rows_total: row.try_get("rows_total")?,
            created_at: row.try_get("created_at")?,
            finished_at: row.try_get("finished_at")?,
            url: (state == "done").then(|| format!("/media/exports/{id}/tasks.csv")),
            state,
        })
    }
}

/// Asks for an export, in the caller's transaction. `None`: too many of this person are under way.
pub async fn create(connection: &mut PgConnection, user: Uuid) -> Result<Option<Export>, sqlx::Error> {
    // One after the other: otherwise two could both be the last one that is allowed.
    sqlx::query("SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE").bind(user).execute(&mut *connection).await?;
    let sql = "INSERT INTO exports (id, user_id) SELECT $1, $2
               WHERE (SELECT count(*) FROM exports WHERE user_id = $2 AND state IN ('queued', 'running')) < $3 RETURNING *";
    let insert = sqlx::query_as(sql).bind(Uuid::now_v7()).bind(user).bind(MAX_UNFINISHED);
    let Some(export): Option<Export> = insert.fetch_optional(&mut *connection).await? else { return Ok(None) };
    jobs::enqueue(connection, &export::request(export.id)).await?;
    Ok(Some(export))
}

/// Somebody's exports, the last one first.
pub async fn list(pool: &PgPool, user: Uuid) -> Result<Vec<Export>, sqlx::Error> {
    let sql = "SELECT * FROM exports WHERE user_id = $1 ORDER BY id DESC LIMIT $2";
    sqlx::query_as(sql).bind(user).bind(LISTED).fetch_all(pool).await
}

/// One of somebody's exports.
pub async fn get(pool: &PgPool, id: Uuid, user: Uuid) -> Result<Option<Export>, sqlx::Error> {
    sqlx::query_as("SELECT * FROM exports WHERE id = $1 AND user_id = $2").bind(id).bind(user).fetch_optional(pool).await
}

/// Begins to work on an export, from the start. `None`: it is done, or it went away with its account.
pub async fn begin(pool: &PgPool, id: Uuid) -> Result<Option<Export>, sqlx::Error> {
    let sql = "SELECT user_id FROM exports WHERE id = $1 AND state <> 'done'";
    let Some(user) = sqlx::query_scalar::<_, Uuid>(sql).bind(id).fetch_optional(pool).await? else { return Ok(None) };
    let total: i64 =
        sqlx::query_scalar(concat!("SELECT count(*) FROM tasks WHERE ", tasks::is_visible!())).bind(user).fetch_one(pool).await?;
    let sql = "UPDATE exports SET state = 'running', rows_done = 0, rows_total = $2, finished_at = NULL WHERE id = $1 AND state <> 'done' RETURNING *";
    sqlx::query_as(sql).bind(id).bind(total).fetch_optional(pool).await
}

/// Records how many tasks are written. `None`: another worker was faster, or the export went away.
pub async fn advance(pool: &PgPool, id: Uuid, rows: i64) -> Result<Option<Export>, sqlx::Error> {
    let sql = "UPDATE exports SET rows_done = $2, rows_total = greatest(rows_total, $2) WHERE id = $1 AND state = 'running' RETURNING *";
    sqlx::query_as(sql).bind(id).bind(rows).fetch_optional(pool).await
}

/// Records that the file with this many tasks is complete.
pub async fn finish(pool: &PgPool, id: Uuid, rows: i64) -> Result<Option<Export>, sqlx::Error> {
    let sql = "UPDATE exports SET state = 'done', rows_done = $2, rows_total = $2, finished_at = now() WHERE id = $1 AND state <> 'done' RETURNING *";
    sqlx::query_as(sql).bind(id).bind(rows).fetch_optional(pool).await
}

/// Records that there will be no file.
pub async fn fail(pool: &PgPool, id: Uuid) -> Result<Option<Export>, sqlx::Error> {
    let sql = "UPDATE exports SET state = 'failed', finished_at = now() WHERE id = $1 AND state <> 'done' RETURNING *";
    sqlx::query_as(sql).bind(id).fetch_optional(pool).await
}

/// Removes old exports, and says how many. Their files are orphans then.
pub async fn remove_old(pool: &PgPool) -> Result<u64, sqlx::Error> {
    let sql = "DELETE FROM exports WHERE created_at < now() - $1::interval";
    Ok(sqlx::query(sql).bind(KEEP).execute(pool).await?.rows_affected())
}
