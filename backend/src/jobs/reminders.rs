//! Reminders of tasks that are due: one job finds them and asks for one mail to each person, another one sends such a mail.
use super::{Context, Hopeless, Job, NewJob, deliver, enqueue};
use crate::mail::{Mail, Mailer};
use serde::{Deserialize, Serialize};
use serde_json::json;
use sqlx::postgres::PgPool;
use std::fmt::Write;
use time::Date;
use uuid::Uuid;

/// Finds tasks that are due tomorrow or before, and that nobody was reminded of yet.
pub const DUE: &str = "send_due_reminders";
/// Sends one mail.
pub const MAIL: &str = "send_mail";

/// So many tasks are listed in one mail; the others are counted.
const LISTED: usize = 50;
/// So many people are looked up at once.
const PEOPLE: i64 = 1000;

/// What is to be sent. The text is made when it is sent: of what is still to be done, and still the recipient's, then.
#[derive(Debug, Serialize, Deserialize)]
struct Reminder {
    user: Uuid,
    tasks: Vec<Uuid>,
    more: usize,
}

macro_rules! due {
    () => {
        "completed_at IS NULL AND due_on <= (now() AT TIME ZONE 'UTC')::date + 1 AND reminded_for IS DISTINCT FROM due_on"
    };
}

/// Who is asked to do a task: its assignee, or else who wrote it down. Both see it, also if it is private.
pub(super) async fn find(pool: PgPool) -> anyhow::Result<()> {
    let mut last = Uuid::nil();
    loop {
        let sql = concat!(
            "SELECT DISTINCT coalesce(assignee_id, created_by) AS person FROM tasks WHERE ",
            due!(),
            " AND coalesce(assignee_id, created_by) > $1 ORDER BY person LIMIT $2"
        );
        let people: Vec<Uuid> = sqlx::query_scalar(sql).bind(last).bind(PEOPLE).fetch_all(&pool).await?;
        for user in &people {
            remind(&pool, *user).await?;
        }
        match people.last() {
            Some(person) => last = *person,
            None => return Ok(()),
        }
    }
}

/// Marks somebody's tasks and asks for the mail, both or neither. What somebody changes at this moment is left for the next run.
async fn remind(pool: &PgPool, user: Uuid) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let sql = concat!(
        "WITH due AS (SELECT id FROM tasks WHERE (assignee_id = $1 OR assignee_id IS NULL AND created_by = $1) AND ",
        due!(),
        " ORDER BY due_on, id LIMIT 1000 FOR UPDATE SKIP LOCKED)
         UPDATE tasks SET reminded_for = due_on FROM due WHERE tasks.id = due.id RETURNING due_on, tasks.id"
    );
    let mut tasks: Vec<(Date, Uuid)> = sqlx::query_as(sql).bind(user).fetch_all(&mut *transaction).await?;
    if tasks.is_empty() {
        return Ok(());
    }
    tasks.sort_unstable();
    let more = tasks.len().saturating_sub(LISTED);
    let reminder = Reminder { user, tasks: tasks.into_iter().take(LISTED).map(|(_, id)| id).collect(), more };
    let job = NewJob { kind: MAIL, coalesce_key: None, payload: json!(reminder), max_attempts: 20 };
    enqueue(&mut transaction, &job).await?;
    transaction.commit().await
}

#[derive(sqlx::FromRow)]
struct DueTask {
    id: Uuid,
    title: String,
    due_on: Date,
}

/// Sends a reminder. The mail's id is the job's, so that a mail that is sent twice, because a worker was lost in between, is recognised.
pub(super) async fn send(context: Context, mailer: Mailer, job: Job) -> anyhow::Result<()> {
    let reminder: Reminder = serde_json::from_value(job.payload).map_err(|error| Hopeless(error.into()))?;
    let sql = "SELECT id, title, due_on FROM tasks WHERE id = ANY ($2) AND completed_at IS NULL AND due_on IS NOT NULL
               AND (assignee_id = $1 OR assignee_id IS NULL AND created_by = $1) ORDER BY due_on, id";
    let tasks: Vec<DueTask> = sqlx::query_as(sql).bind(reminder.user).bind(&reminder.tasks).fetch_all(&context.pool).await?;
    let sql = "SELECT name, email FROM users WHERE id = $1";
    let person: Option<(String, String)> = sqlx::query_as(sql).bind(reminder.user).fetch_optional(&context.pool).await?;
    let (Some((name, address)), false) = (person, tasks.is_empty()) else { return Ok(()) };
    let (subject, text) = words(&name, &tasks, reminder.more, &mailer.public_url);
    deliver(&mailer, &Mail { id: job.id, name, address, subject, text }).await
}

/// Subject and text.
fn words(name: &str, tasks: &[DueTask], more: usize, public_url: &str) -> (String, String) {
    let subject = match (tasks, more) {
        ([task], 0) => format!("Due {}: {}", task.due_on, task.title),
        _ => format!("{} tasks are due", tasks.len() + more),
    };
    let mut text = format!("Hello {name},\n\nthis is due:\n\n");
    for task in tasks {
        // Writing to a string does not fail.
        let _ = write!(text, "{}  {}\n            {public_url}/tasks/{}\n", task.due_on, task.title, task.id);
    }
    if more > 0 {
        let _ = writeln!(text, "\nand {more} more: {public_url}/?assignee=me&status=open");
    }
    (subject, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::Month;

    #[test]
    fn a_reminder_says_what_is_due_and_where() {
        let task = |title: &str| DueTask {
            id: Uuid::nil(),
            title: title.into(),
            due_on: Date::from_calendar_date(2026, Month::December, 24).unwrap(),
        };
        let (subject, text) = words("Ada", &[task("Buy milk")], 0, "http://board");
        assert_eq!(subject, "Due 2026-12-24: Buy milk");
        let link = "http://board/tasks/00000000-0000-0000-0000-000000000000";
        assert_eq!(text, format!("Hello Ada,\n\nthis is due:\n\n2026-12-24  Buy milk\n            {link}\n"));
        let (subject, text) = words("Ada", &[task("a"), task("b")], 3, "http://board");
        assert_eq!(subject, "5 tasks are due");
        assert!(text.ends_with("\nand 3 more: http://board/?assignee=me&status=open\n"), "{text}");
    }
}
