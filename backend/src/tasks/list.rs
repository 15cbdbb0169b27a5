//! Lists of tasks: filters, search, and pages that go on exactly where the last one ended, whatever was created meanwhile.
use super::{Status, Task, select};
use serde::Deserialize;
use sqlx::postgres::PgPool;
use sqlx::{Postgres, QueryBuilder};
use time::{Date, Duration, OffsetDateTime};
use utoipa::ToSchema;
use uuid::Uuid;

/// The most characters of a search.
pub const MAX_QUERY_LENGTH: usize = 200;
/// More words do not make a search of people more precise.
const MAX_WORDS: usize = 8;

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
                // PostgreSQL's times begin later than ours; nothing was completed before 1970.
                let nanos = micros.parse::<u64>().ok().map(i128::from)?.checked_mul(1000)?;
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

/// Which tasks to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Words that title or notes contain, by their beginnings.
    pub query: Option<String>,
    /// Open or done.
    pub status: Option<Status>,
    /// Who is to do them.
    pub assignee: Option<Assignee>,
    /// When they are due.
    pub due: Option<Due>,
}

/// Who is to do a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assignee {
    /// Nobody yet.
    Nobody,
    /// This person.
    Person(Uuid),
}

/// When an open task is due, seen from today (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Due {
    /// Before today.
    Overdue,
    /// Today.
    Today,
    /// Today or in the six days after it.
    Week,
}

/// One page of the board.
#[derive(Debug)]
pub struct Page {
    /// Open tasks first, newest first; then completed ones, last completed first.
    pub tasks: Vec<Task>,
    /// Where the next page starts, if there is one.
    pub next: Option<Cursor>,
}

/// One page of what somebody may see.
pub async fn list(pool: &PgPool, user: Uuid, filter: &Filter, limit: u32, after: Option<Cursor>) -> Result<Page, sqlx::Error> {
    // One more than asked for tells whether there is a next page.
    let wanted = i64::from(limit) + 1;
    let mut sql = QueryBuilder::<Postgres>::default();
    if let (Some(Cursor::Open(_)), None) = (after, filter.status) {
        // First open ones, then completed ones. Joined by OR, they would make PostgreSQL read all open tasks before the cursor again.
        sql.push("(");
        part(&mut sql, user, filter, wanted, after);
        sql.push(") UNION ALL (");
        part(&mut sql, user, &Filter { status: Some(Status::Done), ..filter.clone() }, wanted, None);
        sql.push(") ORDER BY completed_at DESC, id DESC LIMIT ").push_bind(wanted);
    } else {
        part(&mut sql, user, filter, wanted, after);
    }
    // A search is planned each time: a plan for any word takes each for a rare one, and sorts all tasks for a word that all of them have.
    let mut tasks: Vec<Task> = sql.build_query_as().persistent(filter.query.is_none()).fetch_all(pool).await?;
    let more = tasks.len() > limit as usize;
    tasks.truncate(limit as usize);
    let next = tasks.last().filter(|_| more).map(Cursor::after);
    Ok(Page { tasks, next })
}

/// The first tasks of a part of the board in its order. One that begins after an open task has no completed ones.
fn part(sql: &mut QueryBuilder<Postgres>, user: Uuid, filter: &Filter, limit: i64, after: Option<Cursor>) {
    // Each combination of filters is a statement of its own, with a plan that fits it.
    sql.push(concat!(select!(), "WHERE (NOT private OR created_by = "));
    sql.push_bind(user).push(" OR assignee_id = ").push_bind(user).push(")");
    if let Some(query) = &filter.query {
        sql.push(" AND search @@ to_tsquery('simple', ").push_bind(words(query)).push(")");
    }
    match filter.status {
        None => {}
        Some(Status::Open) => drop(sql.push(" AND completed_at IS NULL")),
        Some(Status::Done) => drop(sql.push(" AND completed_at IS NOT NULL")),
    }
    match filter.assignee {
        None => {}
        Some(Assignee::Nobody) => drop(sql.push(" AND assignee_id IS NULL")),
        Some(Assignee::Person(id)) => drop(sql.push(" AND assignee_id = ").push_bind(id)),
    }
    if let Some(due) = filter.due {
        let (from, until) = due.days(OffsetDateTime::now_utc().date());
        sql.push(" AND completed_at IS NULL AND due_on <= ").push_bind(until);
        if let Some(from) = from {
            sql.push(" AND due_on >= ").push_bind(from);
        }
    }
    match after {
        None => {}
        // Whoever asks for completed ones after an open one gets all of them.
        Some(Cursor::Open(_)) if filter.status == Some(Status::Done) => {}
        Some(Cursor::Open(id)) => drop(sql.push(" AND completed_at IS NULL AND tasks.id < ").push_bind(id)),
        Some(Cursor::Done(at, id)) => drop(sql.push(" AND (completed_at, tasks.id) < (").push_bind(at).push(", ").push_bind(id).push(")")),
    }
    // `completed_at DESC` puts nulls, the open tasks, first: this reads the index `tasks_board_order` backwards.
    sql.push(" ORDER BY completed_at DESC, tasks.id DESC LIMIT ").push_bind(limit);
}

impl Due {
    /// The first day, if there is one, and the last.
    fn days(self, today: Date) -> (Option<Date>, Date) {
        match self {
            Due::Overdue => (None, today - Duration::days(1)),
            Due::Today => (Some(today), today),
            Due::Week => (Some(today), today + Duration::days(6)),
        }
    }
}

/// A search as PostgreSQL reads it. Words are cut at everything that is no letter or digit, so nothing in them has a meaning of its own. They match by
/// their beginnings, except single characters, which would match nearly everything. Without words it matches nothing.
fn words(query: &str) -> String {
    let words = query.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).take(MAX_WORDS);
    let words = words.map(|word| if word.chars().nth(1).is_some() { format!("{word}:*") } else { word.to_owned() });
    words.collect::<Vec<_>>().join(" & ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_survive_the_url() {
        let at = OffsetDateTime::from_unix_timestamp_nanos(1_763_690_400_123_456_000).unwrap();
        for cursor in [Cursor::Open(Uuid::now_v7()), Cursor::Done(at, Uuid::now_v7())] {
            assert_eq!(Cursor::parse(&cursor.text()), Some(cursor));
        }
        for bad in [
            "",
            "open",
            "open.x",
            "done.1",
            "done.99999999999999999999.x",
            "done.9223372036854775807.x",
            "done.-1.01935000-0000-7000-8000-000000000000",
            "x.y.z",
        ] {
            assert_eq!(Cursor::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn searches_have_no_syntax() {
        assert_eq!(words("Buy milk!"), "Buy:* & milk:*");
        assert_eq!(words("a & b | !c:* <-> (d)"), "a & b & c & d");
        assert_eq!(words("'; DROP TABLE \\ \u{0} 7"), "DROP:* & TABLE:* & 7");
        assert_eq!(words(" -- "), "");
        assert_eq!(words(&"x ".repeat(20)).matches('x').count(), MAX_WORDS);
    }

    #[test]
    fn a_week_has_seven_days() {
        let today = Date::from_calendar_date(2026, time::Month::December, 28).unwrap();
        let (from, until) = Due::Week.days(today);
        assert_eq!((until - from.unwrap()).whole_days(), 6);
        assert_eq!(Due::Overdue.days(today).1, today.previous_day().unwrap());
    }
}
