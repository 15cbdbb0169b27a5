//! Tasks in PostgreSQL: what one is, who sees it, and one file each for reading lists and for changes.
mod change;
mod list;

pub use self::change::{Change, Changed, Precondition, Refusal, change, complete, create, remove, reopen};
pub use self::list::{Assignee, Cursor, Due, Filter, MAX_QUERY_LENGTH, Page, list};

use crate::accounts::Person;
use crate::text;
use serde::{Deserialize, Serialize};
use sqlx::postgres::{PgExecutor, PgRow};
use sqlx::{FromRow, Row};
use time::{Date, OffsetDateTime};
use utoipa::ToSchema;
use uuid::Uuid;

/// The most characters that a title has.
pub const MAX_TITLE_LENGTH: usize = 200;
/// The most characters of notes.
pub const MAX_NOTES_LENGTH: usize = 10_000;
/// The most tasks in one answer.
pub const MAX_LIST_LENGTH: u32 = 200;

time::serde::format_description!(pub(crate) date, Date, "[year]-[month]-[day]");

/// A task, as stored and as sent to clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Task {
    /// UUID version 7: later tasks sort after earlier ones.
    pub id: Uuid,
    /// One visible line.
    #[schema(min_length = 1, max_length = 200)]
    pub title: String,
    /// Anything else, in lines.
    #[schema(max_length = 10_000)]
    pub notes: String,
    /// Open or done.
    pub status: Status,
    /// Seen and changed only by its creator and its assignee.
    pub private: bool,
    /// The day on which it should be done.
    #[serde(with = "date::option")]
    #[schema(value_type = Option<String>, format = Date)]
    pub due_on: Option<Date>,
    /// Who is to do it.
    pub assignee: Option<Person>,
    /// Who wrote it down, unless the account is gone.
    pub created_by: Option<Person>,
    /// How many files are attached.
    #[schema(minimum = 0)]
    pub attachments: i64,
    /// Grows with every change: a copy with a lower version is outdated. It is the `ETag`.
    #[schema(minimum = 1)]
    pub version: i64,
    /// When it was created.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When it was last changed.
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
    /// When it was completed.
    #[serde(with = "time::serde::rfc3339::option")]
    pub completed_at: Option<OffsetDateTime>,
}

impl Task {
    /// Whether somebody sees it. The macro `is_visible!` says the same in SQL.
    pub fn is_visible_to(&self, user: Uuid) -> bool {
        !self.private || self.involved().contains(&user)
    }

    /// Its creator and its assignee.
    pub fn involved(&self) -> Vec<Uuid> {
        self.created_by.iter().chain(&self.assignee).map(|person| person.id).collect()
    }
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
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
        text::line(text, MAX_TITLE_LENGTH).map(Title)
    }
}

/// Notes that may be stored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes(String);

impl Notes {
    /// Checks notes. The error is a sentence for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        text::lines(text, MAX_NOTES_LENGTH).map(Notes)
    }
}

/// What a [`Task`] is read from: `SELECT … FROM tasks …`, or from a statement named `tasks` that returns its rows.
macro_rules! select {
    () => {
        "SELECT tasks.id, title, notes, private, due_on, version, tasks.created_at, updated_at, completed_at,
                assignee_id, assignee.name AS assignee_name, created_by, creator.name AS creator_name,
                (SELECT count(*) FROM attachments WHERE task_id = tasks.id) AS attachments
         FROM tasks LEFT JOIN users AS assignee ON assignee.id = assignee_id LEFT JOIN users AS creator ON creator.id = created_by "
    };
}
/// What somebody (`$1`) may see. [`Task::is_visible_to`] says the same in Rust.
macro_rules! is_visible {
    () => {
        "(NOT private OR created_by = $1 OR assignee_id = $1)"
    };
}
pub(crate) use {is_visible, select};

impl FromRow<'_, PgRow> for Task {
    fn from_row(row: &PgRow) -> Result<Self, sqlx::Error> {
        let person = |id: Option<Uuid>, name: Option<String>| id.zip(name).map(|(id, name)| Person { id, name });
        let completed_at: Option<OffsetDateTime> = row.try_get("completed_at")?;
        Ok(Task {
            id: row.try_get("id")?,
            title: row.try_get("title")?,
            notes: row.try_get("notes")?,
            status: if completed_at.is_none() { Status::Open } else { Status::Done },
            private: row.try_get("private")?,
            due_on: row.try_get("due_on")?,
            assignee: person(row.try_get("assignee_id")?, row.try_get("assignee_name")?),
            created_by: person(row.try_get("created_by")?, row.try_get("creator_name")?),
            attachments: row.try_get("attachments")?,
            version: row.try_get("version")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
            completed_at,
        })
    }
}

/// One task, if somebody may see it.
pub async fn visible(executor: impl PgExecutor<'_>, id: Uuid, user: Uuid) -> Result<Option<Task>, sqlx::Error> {
    let sql = concat!(select!(), "WHERE tasks.id = $2 AND ", is_visible!());
    sqlx::query_as(sql).bind(user).bind(id).fetch_optional(executor).await
}
