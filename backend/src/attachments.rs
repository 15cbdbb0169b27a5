//! Attachments in PostgreSQL: which file belongs to which task. The files themselves are in `media`.
use crate::accounts::{Account, Person, Role};
use crate::media::{Stored, encode};
use crate::tasks::{self, Task};
use serde::Serialize;
use sqlx::postgres::{PgPool, PgRow};
use sqlx::{FromRow, Row};
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

/// The most files of one task.
pub const MAX_PER_TASK: i64 = 50;

/// A file that is attached to a task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Attachment {
    /// UUID version 7: later attachments sort after earlier ones.
    pub id: Uuid,
    /// The task.
    pub task_id: Uuid,
    /// As whoever attached it named it.
    #[schema(min_length = 1, max_length = 255)]
    pub name: String,
    /// As what it is sent.
    pub content_type: String,
    /// Its size.
    #[schema(minimum = 0)]
    pub bytes: i64,
    /// SHA-256 of its contents.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    pub sha256: String,
    /// Who attached it, unless the account is gone.
    pub created_by: Option<Person>,
    /// When it was attached.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// Where to get it.
    pub url: String,
}

/// A received file that becomes an attachment.
#[derive(Debug)]
pub struct NewAttachment<'a> {
    /// The id under which the file is kept.
    pub id: Uuid,
    /// The task.
    pub task_id: Uuid,
    /// Who attaches it.
    pub user: Uuid,
    /// Its cleaned name.
    pub name: &'a str,
    /// As what it is sent.
    pub content_type: &'a str,
    /// Size and hash.
    pub stored: &'a Stored,
}

/// What [`add`] did.
#[derive(Debug)]
pub enum Added {
    /// The attachment is there.
    Attached(Attachment, Box<Task>),
    /// The task has as many as it may.
    Full,
    /// The task went away, or out of sight, while the file was received.
    TaskMissing,
}

/// What an [`Attachment`] is read from: `SELECT … FROM attachments …`.
macro_rules! select {
    () => {
        "SELECT attachments.id, task_id, attachments.name, content_type, bytes, sha256, attachments.created_at, created_by, users.name AS creator_name
         FROM attachments LEFT JOIN users ON users.id = created_by "
    };
}

impl FromRow<'_, PgRow> for Attachment {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let creator: (Option<Uuid>, Option<String>) = (row.try_get("created_by")?, row.try_get("creator_name")?);
        let (id, name): (Uuid, String) = (row.try_get("id")?, row.try_get("name")?);
        Ok(Attachment {
            id,
            task_id: row.try_get("task_id")?,
            content_type: row.try_get("content_type")?,
            bytes: row.try_get("bytes")?,
            sha256: row.try_get("sha256")?,
            created_by: creator.0.zip(creator.1).map(|(id, name)| Person { id, name }),
            created_at: row.try_get("created_at")?,
            url: format!("/media/attachments/{id}/{}", encode(&name)),
            name,
        })
    }
}

/// The attachments of a task that the caller has found visible; the first one first.
pub async fn list(pool: &PgPool, task_id: Uuid) -> Result<Vec<Attachment>, sqlx::Error> {
    let sql = concat!(select!(), "WHERE task_id = $1 ORDER BY attachments.id LIMIT $2");
    sqlx::query_as(sql).bind(task_id).bind(MAX_PER_TASK).fetch_all(pool).await
}

/// One attachment, if its task is visible to somebody.
pub async fn visible(pool: &PgPool, id: Uuid, user: Uuid) -> Result<Option<Attachment>, sqlx::Error> {
    let sql = concat!(select!(), "WHERE attachments.id = $2 AND task_id IN (SELECT id FROM tasks WHERE ", tasks::is_visible!(), ")");
    sqlx::query_as(sql).bind(user).bind(id).fetch_optional(pool).await
}

/// Attaches a file that lies in its place already.
pub async fn add(pool: &PgPool, new: &NewAttachment<'_>) -> Result<Added, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    // One after the other: otherwise two could both be the last one that is allowed.
    sqlx::query("SELECT FROM tasks WHERE id = $1 FOR NO KEY UPDATE").bind(new.task_id).execute(&mut *transaction).await?;
    let Some(task) = tasks::visible(&mut *transaction, new.task_id, new.user).await? else { return Ok(Added::TaskMissing) };
    if task.attachments >= MAX_PER_TASK {
        return Ok(Added::Full);
    }
    let sql = concat!(
        "WITH attachments AS (INSERT INTO attachments (id, task_id, name, content_type, bytes, sha256, created_by)
                              VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING *) ",
        select!()
    );
    let attachment = sqlx::query_as(sql)
        .bind(new.id)
        .bind(new.task_id)
        .bind(new.name)
        .bind(new.content_type)
        .bind(i64::try_from(new.stored.bytes).unwrap_or(i64::MAX))
        .bind(&new.stored.sha256)
        .bind(new.user)
        .fetch_one(&mut *transaction)
        .await?;
    transaction.commit().await?;
    Ok(Added::Attached(attachment, Box::new(task)))
}

/// What [`remove`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    /// The attachment of this task is gone.
    Done(Uuid),
    /// The account sees it and may not remove it.
    Forbidden,
    /// There is none, or its task is not visible to the account.
    Missing,
}

/// Removes an attachment of a visible task: for the account that attached it, the one that created the task, and administrators.
pub async fn remove(pool: &PgPool, id: Uuid, user: &Account) -> Result<Removed, sqlx::Error> {
    let sql = concat!(
        "WITH visible AS (SELECT id, created_by FROM tasks WHERE ",
        tasks::is_visible!(),
        "), found AS (
             SELECT attachments.id, task_id, $3 OR coalesce(attachments.created_by = $1, false) OR coalesce(visible.created_by = $1, false) AS allowed
             FROM attachments JOIN visible ON visible.id = task_id WHERE attachments.id = $2
         ), removed AS (DELETE FROM attachments USING found WHERE attachments.id = found.id AND allowed)
         SELECT task_id, allowed FROM found"
    );
    let found: Option<(Uuid, bool)> =
        sqlx::query_as(sql).bind(user.id).bind(id).bind(user.role == Role::Admin).fetch_optional(pool).await?;
    Ok(match found {
        Some((task_id, true)) => Removed::Done(task_id),
        Some((_, false)) => Removed::Forbidden,
        None => Removed::Missing,
    })
}
