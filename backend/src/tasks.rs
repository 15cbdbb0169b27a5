//! Tasks in PostgreSQL: create, complete, get, list.
use crate::jobs::{self, board_stats};
use serde::Serialize;
use sqlx::postgres::PgPool;
use time::OffsetDateTime;
use uuid::Uuid;

/// The most characters that a title has.
pub const MAX_TITLE_LENGTH: usize = 200;
/// The most tasks in one answer.
pub const MAX_LIST_LENGTH: u32 = 200;

/// A task, as stored and as sent to clients:
/// `{"id": "0198…", "title": "Buy milk", "status": "open" | "done", "version": 1, "created_at": "2026-11-21T10:00:00.123456Z", "completed_at": null}`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct Task {
    /// UUID version 7: later tasks sort after earlier ones.
    pub id: Uuid,
    /// Trimmed, 1 to 200 characters, no control characters.
    pub title: String,
    /// Open or done.
    pub status: Status,
    /// Grows with every change: a copy with a lower version is outdated.
    pub version: i64,
    /// When it was created.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When it was completed.
    #[serde(with = "time::serde::rfc3339::option")]
    pub completed_at: Option<OffsetDateTime>,
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, sqlx::Type)]
#[serde(rename_all = "snake_case")]
#[sqlx(type_name = "text", rename_all = "snake_case")]
pub enum Status {
    /// To be done.
    Open,
    /// Completed.
    Done,
}

/// A title that may be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Title(String);

impl Title {
    /// Trims and checks a title. The error is a sentence for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        let title = text.trim();
        if title.is_empty() {
            Err("must not be empty".to_owned())
        } else if title.chars().count() > MAX_TITLE_LENGTH {
            Err(format!("must have at most {MAX_TITLE_LENGTH} characters"))
        } else if title.chars().any(char::is_control) {
            Err("must not contain line breaks, tabs or other control characters".to_owned())
        } else {
            Ok(Title(title.to_owned()))
        }
    }
}

/// Where a page of the board ended: the next one starts after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cursor {
    /// After this open task.
    Open(Uuid),
    /// After this completed task.
    Done(OffsetDateTime, Uuid),
}

impl Cursor {
    /// Reads the form that [`Cursor::text`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split('.').collect::<Vec<_>>()[..] {
            ["open", id] => Some(Cursor::Open(id.parse().ok()?)),
            ["done", micros, id] => {
                let nanos = micros.parse::<i64>().ok().map(i128::from)?.checked_mul(1000)?;
                Some(Cursor::Done(OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()?, id.parse().ok()?))
            }
            _ => None,
        }
    }

    /// A form for URLs. Clients do not look inside.
    pub fn text(self) -> String {
        match self {
            Cursor::Open(id) => format!("open.{id}"),
            Cursor::Done(at, id) => format!("done.{}.{id}", at.unix_timestamp_nanos() / 1000),
        }
    }

    fn after(task: &Task) -> Self {
        match task.completed_at {
            None => Cursor::Open(task.id),
            Some(at) => Cursor::Done(at, task.id),
        }
    }
}

/// One page of the board.
#[derive(Debug)]
pub struct Page {
    /// Open tasks first, newest first; then completed ones, last completed first.
    pub tasks: Vec<Task>,
    /// Where the next page starts, if there is one.
    pub next: Option<Cursor>,
}

/// The columns of a [`Task`], for static statements.
macro_rules! columns {
    () => {
        "id, title, CASE WHEN completed_at IS NULL THEN 'open' ELSE 'done' END AS status, version, created_at, completed_at"
    };
}

/// Stores a task, together with the job that follows from it.
pub async fn create(pool: &PgPool, title: &Title) -> Result<Task, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let task = sqlx::query_as(concat!("INSERT INTO tasks (id, title) VALUES ($1, $2) RETURNING ", columns!()))
        .bind(Uuid::now_v7())
        .bind(&title.0)
        .fetch_one(&mut *transaction)
        .await?;
    jobs::enqueue(&mut transaction, &board_stats::request()).await?;
    transaction.commit().await?;
    Ok(task)
}

/// What [`complete`] found.
#[derive(Debug)]
pub enum Completion {
    /// The task was open and is completed now.
    Changed(Task),
    /// The task was completed before, and stays as it was.
    Unchanged(Task),
}

/// Completes a task. Completing it again changes nothing. `None`: there is no such task.
pub async fn complete(pool: &PgPool, id: Uuid) -> Result<Option<Completion>, sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let sql = concat!(
        "UPDATE tasks SET completed_at = clock_timestamp(), version = version + 1 WHERE id = $1 AND completed_at IS NULL RETURNING ",
        columns!()
    );
    let Some(task) = sqlx::query_as(sql).bind(id).fetch_optional(&mut *transaction).await? else {
        drop(transaction);
        return Ok(get(pool, id).await?.map(Completion::Unchanged));
    };
    jobs::enqueue(&mut transaction, &board_stats::request()).await?;
    transaction.commit().await?;
    Ok(Some(Completion::Changed(task)))
}

/// One task.
pub async fn get(pool: &PgPool, id: Uuid) -> Result<Option<Task>, sqlx::Error> {
    sqlx::query_as(concat!("SELECT ", columns!(), " FROM tasks WHERE id = $1")).bind(id).fetch_optional(pool).await
}

/// One page of the board.
pub async fn list(pool: &PgPool, limit: u32, after: Option<Cursor>) -> Result<Page, sqlx::Error> {
    // One more than asked for tells whether there is a next page.
    let fetch = i64::from(limit) + 1;
    // `completed_at DESC, id DESC` puts nulls, the open tasks, first. Each statement reads the index `tasks_board_order` backwards.
    let mut tasks: Vec<Task> = match after {
        None => {
            let sql = concat!("SELECT ", columns!(), " FROM tasks ORDER BY completed_at DESC, id DESC LIMIT $1");
            sqlx::query_as(sql).bind(fetch).fetch_all(pool).await?
        }
        Some(Cursor::Open(id)) => {
            let sql = concat!(
                "SELECT ",
                columns!(),
                " FROM tasks WHERE completed_at IS NOT NULL OR id < $2 ORDER BY completed_at DESC, id DESC LIMIT $1"
            );
            sqlx::query_as(sql).bind(fetch).bind(id).fetch_all(pool).await?
        }
        Some(Cursor::Done(at, id)) => {
            let sql = concat!(
                "SELECT ",
                columns!(),
                " FROM tasks WHERE (completed_at, id) < ($2, $3) ORDER BY completed_at DESC, id DESC LIMIT $1"
            );
            sqlx::query_as(sql).bind(fetch).bind(at).bind(id).fetch_all(pool).await?
        }
    };
    let more = tasks.len() > limit as usize;
    tasks.truncate(limit as usize);
    let next = tasks.last().filter(|_| more).map(Cursor::after);
    Ok(Page { tasks, next })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_trimmed_and_bounded() {
        assert_eq!(Title::parse("  Buy milk \n"), Ok(Title("Buy milk".to_owned())));
        assert_eq!(Title::parse(&"ä".repeat(200)), Ok(Title("ä".repeat(200))));
        assert!(Title::parse(&"a".repeat(201)).unwrap_err().contains("at most 200"));
        assert_eq!(Title::parse(" \t ").unwrap_err(), "must not be empty");
        for bad in ["a\nb", "a\0b", "a\u{7f}b", "a\u{85}b"] {
            assert!(Title::parse(bad).unwrap_err().contains("control characters"), "{bad:?}");
        }
    }

    #[test]
    fn cursors_survive_the_url() {
        let at = OffsetDateTime::from_unix_timestamp_nanos(1_763_690_400_123_456_000).unwrap();
        for cursor in [Cursor::Open(Uuid::now_v7()), Cursor::Done(at, Uuid::now_v7())] {
            assert_eq!(Cursor::parse(&cursor.text()), Some(cursor));
        }
        for bad in ["", "open", "open.x", "done.1", "done.99999999999999999999.x", "done.9223372036854775807.x", "x.y.z"] {
            assert_eq!(Cursor::parse(bad), None, "{bad}");
        }
    }
}
