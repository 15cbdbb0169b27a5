//! The job that writes an export: all tasks that somebody may see, as CSV (RFC 4180, UTF-8), read in batches and put in place as a whole.
use super::{Context, Handler, Job, LONG, NewJob};
use crate::exports::{self, Export};
use crate::live::{Audience, Message, Publisher};
use crate::media::{Incoming, Shelf};
use crate::tasks::{self, Status, Task};
use anyhow::Context as _;
use serde_json::json;
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::Instant;
use uuid::Uuid;

/// Its kind.
pub const KIND: &str = "export_tasks";

/// So many tasks are read by one statement: with notes of full length they are some megabytes.
const BATCH: i64 = 500;
/// How often progress is recorded and told.
const PROGRESS: Duration = Duration::from_millis(250);
const HEADER: &str = "id,title,notes,status,private,due_on,assignee,created_by,attachments,version,created_at,updated_at,completed_at\r\n";

/// Asks for it.
pub fn request(export: Uuid) -> NewJob<'static> {
    NewJob { kind: KIND, coalesce_key: None, payload: json!(export), max_attempts: 5 }
}

pub(super) fn handler(context: &Context) -> Handler {
    let (running, failing) = (context.clone(), context.clone());
    Handler::new(move |job| run(running.clone(), job)).given_up(move |job| fail(failing.clone(), job)).timeout(LONG)
}

/// Writes the file. Running twice writes it again; what is broken off leaves nothing on the shelf.
async fn run(context: Context, job: Job) -> anyhow::Result<()> {
    let pool = &context.pool;
    let Some(export) = exports::begin(pool, id(&job)?).await? else { return Ok(()) };
    tell(&context.publisher, &export);
    let mut file = Incoming::create(&context.media).await.context("the media directory cannot be written to")?;
    file.write(HEADER.as_bytes()).await?;
    let (mut rows, mut last, mut told) = (0, Uuid::nil(), Instant::now());
    loop {
        let sql = concat!(tasks::select!(), "WHERE ", tasks::is_visible!(), " AND tasks.id > $2 ORDER BY tasks.id LIMIT $3");
        let batch: Vec<Task> = sqlx::query_as(sql).bind(export.user_id).bind(last).bind(BATCH).fetch_all(pool).await?;
        let Some(end) = batch.last() else { break };
        last = end.id;
        rows += batch.len() as i64;
        let lines: String = batch.iter().map(line).collect();
        file.write(lines.as_bytes()).await?;
        if told.elapsed() >= PROGRESS {
            told = Instant::now();
            match exports::advance(pool, export.id, rows).await? {
                Some(export) => tell(&context.publisher, &export),
                None => return Ok(()),
            }
        }
    }
    file.keep(Shelf::Exports, export.id).await?;
    if let Some(export) = exports::finish(pool, export.id, rows).await? {
        tell(&context.publisher, &export);
    }
    Ok(())
}

async fn fail(context: Context, job: Job) -> anyhow::Result<()> {
    if let Some(export) = exports::fail(&context.pool, id(&job)?).await? {
        tell(&context.publisher, &export);
    }
    Ok(())
}

fn id(job: &Job) -> anyhow::Result<Uuid> {
    serde_json::from_value(job.payload.clone()).context("the payload is no id")
}

fn tell(publisher: &Publisher, export: &Export) {
    publisher.publish(&Message::Export { export: json!(export) }, &Audience::Users(vec![export.user_id]));
}

fn line(task: &Task) -> String {
    let time = |time: OffsetDateTime| time.format(&Rfc3339).unwrap_or_default();
    let name = |person: &Option<crate::accounts::Person>| person.as_ref().map(|person| person.name.clone()).unwrap_or_default();
    let status = match task.status {
        Status::Open => "open",
        Status::Done => "done",
    };
    let cells = [
        task.id.to_string(),
        cell(&task.title),
        cell(&task.notes),
        status.to_owned(),
        task.private.to_string(),
        task.due_on.map(|date| date.to_string()).unwrap_or_default(),
        cell(&name(&task.assignee)),
        cell(&name(&task.created_by)),
        task.attachments.to_string(),
        task.version.to_string(),
        time(task.created_at),
        time(task.updated_at),
        task.completed_at.map(time).unwrap_or_default(),
    ];
    cells.join(",") + "\r\n"
}

/// What people wrote, as one cell. Spreadsheets take what begins like a formula for one; the quote mark makes it text.
fn cell(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    if text.contains(['"', ',', '\r', '\n']) { format!("\"{guard}{}\"", text.replace('"', "\"\"")) } else { format!("{guard}{text}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_hold_any_text_and_no_formula() {
        for (text, expected) in [
            ("Buy milk", "Buy milk"),
            ("a, b", "\"a, b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=1+1", "'=1+1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("-2", "'-2"),
            ("\tx", "'\tx"),
            ("=HYPERLINK(\"x\",1)", "\"'=HYPERLINK(\"\"x\"\",1)\""),
            ("", ""),
        ] {
            assert_eq!(cell(text), expected);
        }
    }
}
