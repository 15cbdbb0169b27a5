//! Changes of tasks. Each locks the row, looks at what is there, and writes the task together with the job that follows from it.
use super::{Notes, Status, Task, Title, is_visible, select};
use crate::accounts::{self, Account, Person, Role};
use crate::jobs::{self, board_stats};
use sqlx::postgres::{PgConnection, PgPool};
use time::Date;
use uuid::Uuid;

/// The fields that a change sets; the others stay.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// The title.
    pub title: Option<Title>,
    /// The notes.
    pub notes: Option<Notes>,
    /// Whether only those involved see it.
    pub private: Option<bool>,
    /// The due date, or none.
    pub due_on: Option<Option<Date>>,
    /// Who is to do it, or nobody.
    pub assignee: Option<Option<Uuid>>,
}

/// Which version a change is meant for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precondition {
    /// None was named.
    None,
    /// Whatever is there.
    Any,
    /// This one, which the writer has seen.
    Version(i64),
    /// One that never was.
    Never,
}

/// What a change led to.
#[derive(Debug, Clone)]
pub struct Changed {
    /// The task as it is now.
    pub task: Task,
    /// The task as it was.
    pub before: Task,
}

/// Why a change was not made.
#[derive(Debug)]
pub enum Refusal {
    /// There is no such task, or it is none of theirs.
    Missing,
    /// Somebody else changed it first: this is the task now.
    Outdated(Box<Task>),
    /// This change is not theirs to make.
    Forbidden(&'static str),
    /// There is no such person.
    UnknownAssignee,
    /// The database.
    Database(sqlx::Error),
}

impl From<sqlx::Error> for Refusal {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            // The assignee's account was removed between the check and the write.
            sqlx::Error::Database(cause) if cause.is_foreign_key_violation() => Refusal::UnknownAssignee,
            _ => Refusal::Database(error),
        }
    }
}

/// Stores a task, in the caller's transaction.
pub async fn create(connection: &mut PgConnection, creator: Uuid, title: &Title, rest: &Change) -> Result<Task, Refusal> {
    require_person(connection, rest.assignee).await?;
    let sql = concat!(
        "WITH tasks AS (INSERT INTO tasks (id, title, notes, private, due_on, assignee_id, created_by) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING *) ",
        select!()
    );
    let task = sqlx::query_as(sql)
        .bind(Uuid::now_v7())
        .bind(&title.0)
        .bind(rest.notes.as_ref().map_or("", |notes| &notes.0))
        .bind(rest.private.unwrap_or(false))
        .bind(rest.due_on.flatten())
        .bind(rest.assignee.flatten())
        .bind(creator)
        .fetch_one(&mut *connection)
        .await?;
    jobs::enqueue(connection, &board_stats::request()).await?;
    Ok(task)
}

/// Changes fields of a task.
pub async fn change(pool: &PgPool, user: Uuid, id: Uuid, precondition: Precondition, change: &Change) -> Result<Changed, Refusal> {
    let mut transaction = pool.begin().await?;
    let before = lock(&mut transaction, user, id, precondition).await?;
    let creator = before.created_by.as_ref().map(|person| person.id);
    if change.private.is_some_and(|private| private != before.private) && creator != Some(user) {
        return Err(Refusal::Forbidden("only who created a task decides whether it is private"));
    }
    if before.private && creator != Some(user) && change.assignee.is_some_and(|assignee| !may_hand_over(&before, assignee)) {
        return Err(Refusal::Forbidden("only who created a private task assigns it to others"));
    }
    require_person(&mut transaction, change.assignee).await?;
    let sql = concat!(
        "WITH tasks AS (UPDATE tasks SET title = $2, notes = $3, private = $4, due_on = $5, assignee_id = $6, version = version + 1, updated_at = clock_timestamp()
                        WHERE id = $1 RETURNING *) ",
        select!()
    );
    let task = sqlx::query_as(sql)
        .bind(id)
        .bind(change.title.as_ref().map_or(&before.title, |title| &title.0))
        .bind(change.notes.as_ref().map_or(&before.notes, |notes| &notes.0))
        .bind(change.private.unwrap_or(before.private))
        .bind(change.due_on.unwrap_or(before.due_on))
        .bind(change.assignee.unwrap_or(before.assignee.as_ref().map(|person| person.id)))
        .fetch_one(&mut *transaction)
        .await?;
    jobs::enqueue(&mut transaction, &board_stats::request()).await?;
    transaction.commit().await?;
    Ok(Changed { task, before })
}

/// Completes a task. Completing it again changes nothing.
pub async fn complete(pool: &PgPool, user: Uuid, id: Uuid) -> Result<Changed, Refusal> {
    const SQL: &str = concat!(
        "WITH tasks AS (UPDATE tasks SET completed_at = clock_timestamp(), updated_at = clock_timestamp(), version = version + 1 WHERE id = $1 RETURNING *) ",
        select!()
    );
    turn(pool, user, id, Status::Done, SQL).await
}

/// Opens a task again. Opening an open one changes nothing.
pub async fn reopen(pool: &PgPool, user: Uuid, id: Uuid) -> Result<Changed, Refusal> {
    const SQL: &str = concat!(
        "WITH tasks AS (UPDATE tasks SET completed_at = NULL, updated_at = clock_timestamp(), version = version + 1 WHERE id = $1 RETURNING *) ",
        select!()
    );
    turn(pool, user, id, Status::Open, SQL).await
}

async fn turn(pool: &PgPool, user: Uuid, id: Uuid, status: Status, sql: &'static str) -> Result<Changed, Refusal> {
    let mut transaction = pool.begin().await?;
    let before = lock(&mut transaction, user, id, Precondition::None).await?;
    if before.status == status {
        return Ok(Changed { task: before.clone(), before });
    }
    let task = sqlx::query_as(sql).bind(id).fetch_one(&mut *transaction).await?;
    jobs::enqueue(&mut transaction, &board_stats::request()).await?;
    transaction.commit().await?;
    Ok(Changed { task, before })
}

/// Removes a task, and returns what it was. Its files become orphans, which a job removes.
pub async fn remove(pool: &PgPool, user: &Account, id: Uuid, precondition: Precondition) -> Result<Task, Refusal> {
    let mut transaction = pool.begin().await?;
    let task = lock(&mut transaction, user.id, id, precondition).await?;
    let creator = task.created_by.as_ref().map(|person| person.id);
    if creator != Some(user.id) && user.role != Role::Admin {
        return Err(Refusal::Forbidden("a task is deleted by who created it, or by an administrator"));
    }
    sqlx::query("DELETE FROM tasks WHERE id = $1").bind(id).execute(&mut *transaction).await?;
    jobs::enqueue(&mut transaction, &board_stats::request()).await?;
    transaction.commit().await?;
    Ok(task)
}

/// Whether a private task stays among the accounts that see it when its assignee gives it to `assignee`. Without a creator it keeps an assignee:
/// otherwise no account would see it any more.
fn may_hand_over(task: &Task, assignee: Option<Uuid>) -> bool {
    let id = |person: &Option<Person>| person.as_ref().map(|person| person.id);
    let creator = id(&task.created_by);
    assignee == id(&task.assignee) || creator.is_some() && (assignee.is_none() || assignee == creator)
}

/// Locks a task that somebody may see, so that nobody else changes it until the transaction ends.
async fn lock(connection: &mut PgConnection, user: Uuid, id: Uuid, precondition: Precondition) -> Result<Task, Refusal> {
    let sql = concat!(select!(), "WHERE tasks.id = $2 AND ", is_visible!(), " FOR UPDATE OF tasks");
    let task: Option<Task> = sqlx::query_as(sql).bind(user).bind(id).fetch_optional(connection).await?;
    let task = task.ok_or(Refusal::Missing)?;
    match precondition {
        Precondition::None | Precondition::Any => Ok(task),
        Precondition::Version(version) if version == task.version => Ok(task),
        _ => Err(Refusal::Outdated(Box::new(task))),
    }
}

async fn require_person(connection: &mut PgConnection, assignee: Option<Option<Uuid>>) -> Result<(), Refusal> {
    match assignee.flatten() {
        Some(id) if !accounts::exists(connection, id).await? => Err(Refusal::UnknownAssignee),
        _ => Ok(()),
    }
}
