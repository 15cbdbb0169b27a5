//! The database schema: the migrations in this binary, and how they compare with a database.
mod failure;
mod file;
mod revert;

pub use self::revert::{Text, revert};

use crate::config::DatabaseConfig;
use crate::database;
use anyhow::{Context, anyhow, bail};
use sqlx::ConnectOptions;
use sqlx::migrate::{Migrate, MigrateError, Migration, Migrator};
use sqlx::postgres::{PgConnection, PgPool};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The migrations of this binary. Each runs in a transaction, a failed one leaves the schema as it was; only one that begins with
/// `-- no-transaction` does not. One without a statement is not applied: its first statement makes it pending, whatever came later.
pub static MIGRATOR: Migrator = sqlx::migrate!("./migrations");

/// How long to wait for a database that is restarting.
pub const CONNECT_DEADLINE: Duration = Duration::from_secs(20);
const RETRY: Duration = Duration::from_millis(250);
/// What PostgreSQL calls a lock that was not had in time.
const LOCK_TIMEOUT: &str = "55P03";
/// The table that records what was applied.
const TABLE: &str = "_sqlx_migrations";
/// How long a migration waits for a lock each time, and everybody behind it.
const LOCK_PATIENCE: &str = "SET lock_timeout = '1s'";
/// How often it tries, and how long others go on in between: a minute and a half in all.
const LOCK_TRIES: u32 = 45;
const LOCK_PAUSE: Duration = Duration::from_secs(1);
/// What is left of a failed migration that begins with `-- no-transaction`.
const NO_TRANSACTION: &str = "it runs without a transaction: look at what it left";

/// How a migration of a program or of the database compares with the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Applied as the program has it.
    Applied,
    /// Not applied.
    Pending,
    /// Not applied, but a later one is.
    OutOfOrder,
    /// Not applied, and never: it has no statement.
    Empty,
    /// Applied, but its text was changed afterwards.
    Changed,
    /// Applied, but not in the program.
    Unknown,
    /// Another migration of the program has the same number.
    Duplicate,
}

impl Status {
    fn is_applied(self) -> bool {
        matches!(self, Self::Applied | Self::Changed | Self::Unknown)
    }

    fn is_pending(self) -> bool {
        matches!(self, Self::Pending | Self::OutOfOrder)
    }

    /// As `migrate status` shows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Pending => "pending",
            Self::OutOfOrder => "out-of-order",
            Self::Empty => "empty, not applied",
            Self::Changed => "changed",
            Self::Unknown => "unknown",
            Self::Duplicate => "duplicate",
        }
    }
}

/// One line of `migrate status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The number that orders migrations.
    pub version: i64,
    /// The name: that of the program, or the recorded one where the program has none.
    pub description: String,
    /// Where it stands.
    pub status: Status,
    /// The checksum of the program's text.
    pub own: Option<Vec<u8>>,
    /// What the database recorded.
    pub recorded: Option<Record>,
}

/// What the database recorded of a migration when it was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The name.
    pub description: String,
    /// The checksum of the text.
    pub checksum: Vec<u8>,
}

/// A refusal: what was applied is not what the program has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Its file.
    pub path: String,
    /// How it differs.
    pub difference: String,
    /// Whether it is the newest applied one and has a way back.
    pub revertible: bool,
}

impl fmt::Display for Changed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was changed after it was applied: {}", self.path, self.difference)?;
        write!(f, "\n  nothing was applied; restore its text, and put the change into a new migration")
    }
}

impl std::error::Error for Changed {}

/// Connects, waiting for a database that is away.
pub async fn connect(config: &DatabaseConfig, patience: Duration) -> anyhow::Result<PgConnection> {
    let options = config.options.clone().application_name("migrate");
    let target = format!("{}:{}", options.get_host(), options.get_port());
    let deadline = Instant::now() + patience;
    loop {
        let attempt = tokio::time::timeout_at(deadline, options.connect()).await;
        match attempt {
            Ok(Ok(connection)) => return Ok(connection),
            Ok(Err(error)) if database::is_refusal(&error) => {
                let reason = database::reason(&error);
                bail!(
                    "the database at {target} refuses us: {reason}; compare `DATABASE_URL` and the file that `DATABASE_PASSWORD_FILE` names with it"
                )
            }
            Ok(Err(error)) if !database::is_unavailable(&error) || Instant::now() + RETRY > deadline => {
                bail!("the database at {target} cannot be used: {}", database::reason(&error));
            }
            Ok(Err(_)) => sleep(RETRY).await,
            Err(_) => bail!("the database at {target} did not answer within {} s: is it running?", patience.as_secs()),
        }
    }
}

/// Applies those of `migrations` that are pending, under an advisory lock, and returns how many that was. `applied` is told of each as soon as it is
/// in place.
pub async fn up(connection: &mut PgConnection, migrations: &Migrator, mut applied: impl FnMut(&Migration)) -> anyhow::Result<usize> {
    lock(connection).await?;
    let outcome = up_locked(connection, migrations, &mut applied).await;
    // The lock ends with the connection at the latest, and the outcome matters more.
    let _ = connection.unlock().await;
    outcome
}

/// Waits for its turn, a moment at a time: who waits in one statement keeps its view of the database, and the `CREATE INDEX CONCURRENTLY` of whoever
/// has the lock would wait for that.
async fn lock(connection: &mut PgConnection) -> anyhow::Result<()> {
    let refused = "the migration lock cannot be taken";
    sqlx::query("SET lock_timeout = '300ms'").execute(&mut *connection).await.context(refused)?;
    loop {
        match connection.lock().await {
            Ok(()) => break,
            Err(MigrateError::Execute(sqlx::Error::Database(error))) if error.code().as_deref() == Some(LOCK_TIMEOUT) => {}
            Err(error) => return Err(error).context(refused),
        }
    }
    sqlx::query("RESET lock_timeout").execute(connection).await.context(refused)?;
    Ok(())
}

async fn up_locked(connection: &mut PgConnection, migrations: &Migrator, applied: &mut impl FnMut(&Migration)) -> anyhow::Result<usize> {
    connection.ensure_migrations_table(TABLE).await?;
    let entries = compare(migrations, &recorded(connection).await?);
    check(migrations, &entries)?;
    let pending: Vec<&Migration> = pending(migrations, &entries).collect();
    for migration in &pending {
        apply(connection, migration).await.map_err(|error| {
            let left = match migration.no_tx {
                true => NO_TRANSACTION,
                false if waited_too_long(&error) => "others held what it needs, each time it was tried; the schema is as it was before it",
                false if file::may_commit(migration.sql.as_str()) => "it may have ended its transaction itself: look at what it left",
                false => "the schema is as it was before it",
            };
            anyhow!(failure::describe(migration, &error, left))
        })?;
        applied(migration);
    }
    Ok(pending.len())
}

/// Applies `migration`. One that waits for a lock has everybody wait who comes after it, so it waits for a short time, lets go, and tries again. What runs
/// without a transaction is tried once: what is left of it would be in the way.
async fn apply(connection: &mut PgConnection, migration: &Migration) -> Result<(), MigrateError> {
    if migration.no_tx {
        return connection.apply(TABLE, migration).await.map(drop);
    }
    let mut tries = 1;
    let outcome = loop {
        // Its own `SET lock_timeout` comes later, and counts.
        sqlx::query(LOCK_PATIENCE).execute(&mut *connection).await?;
        match connection.apply(TABLE, migration).await {
            Err(error) if waited_too_long(&error) && tries < LOCK_TRIES => {
                tries += 1;
                sleep(LOCK_PAUSE).await;
            }
            outcome => break outcome,
        }
    };
    // The error of the migration says more.
    let reset = sqlx::query("RESET lock_timeout").execute(connection).await;
    outcome?;
    reset?;
    Ok(())
}

/// Whether it ended because others held a lock for longer than it waits.
fn waited_too_long(error: &MigrateError) -> bool {
    let (MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) = error else { return false };
    error.as_database_error().is_some_and(|error| error.code().as_deref() == Some(LOCK_TIMEOUT))
}

/// Refuses what cannot be applied as a whole, before anything is.
fn check(migrations: &Migrator, entries: &[Entry]) -> anyhow::Result<()> {
    let newest = entries.iter().rfind(|entry| entry.status.is_applied()).map(|entry| entry.version);
    for entry in entries {
        let Entry { version, description, status, .. } = entry;
        match status {
            Status::Unknown => {
                let moved = entry.recorded.as_ref().and_then(|record| renumbered(migrations, entries, record));
                let what = format!("migration {version} {description} was applied to the database but is not in this binary");
                match moved {
                    Some(moved) => bail!("{what}: {} has its text, so give that file the number {version} again", file::path(moved)),
                    None => bail!("{what}: run the newer version that contains it, or restore a backup from before it"),
                }
            }
            Status::Duplicate => {
                let paths: Vec<String> = ups(migrations).filter(|migration| migration.version == *version).map(file::path).collect();
                bail!(
                    "several migrations have the number {version}: {}\n  nothing was applied; give the newer one a number of its own",
                    paths.join(", ")
                )
            }
            Status::Changed => {
                let changed = ups(migrations).find(|migration| migration.version == *version);
                let (Some(migration), Some(record)) = (changed, &entry.recorded) else { continue };
                let difference = file::difference(migration, &record.checksum, &record.description);
                let down = down(migrations, *version).is_some_and(|down| !file::is_empty(down.sql.as_str()));
                return Err(Changed { path: file::path(migration), difference, revertible: newest == Some(*version) && down }.into());
            }
            Status::Applied | Status::Pending | Status::OutOfOrder | Status::Empty => {}
        }
    }
    let marked = pending(migrations, entries).find(|migration| migration.sql.as_str().starts_with(file::BYTE_ORDER_MARK));
    match marked {
        Some(marked) => bail!(
            "{}:1: it begins with a byte order mark, which PostgreSQL takes for a letter of the first word\n  nothing was applied; save the file as UTF-8 without a mark",
            file::path(marked)
        ),
        None => Ok(()),
    }
}

/// The migration that is not applied and has the text of `record`.
fn renumbered<'m>(migrations: &'m Migrator, entries: &[Entry], record: &Record) -> Option<&'m Migration> {
    pending(migrations, entries).find(|migration| *migration.checksum == *record.checksum)
}

/// How `migrations` and the database compare, in order.
pub async fn status(connection: &mut PgConnection, migrations: &Migrator) -> anyhow::Result<Vec<Entry>> {
    Ok(compare(migrations, &recorded(connection).await?))
}

/// Indexes and constraints that PostgreSQL has and does not use: `CREATE INDEX CONCURRENTLY` failed, or rows were never checked. A migration that made
/// them is applied all the same.
pub async fn invalid(connection: &mut PgConnection) -> Result<Vec<String>, sqlx::Error> {
    let sql = "SELECT format('index %I.%I', nspname, relname) FROM pg_index \
        JOIN pg_class c ON c.oid = indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace \
        WHERE NOT indisvalid AND c.relkind = 'i' AND nspname !~ '^pg_' AND NOT EXISTS (SELECT FROM pg_stat_progress_create_index p WHERE p.index_relid = c.oid) \
        UNION ALL SELECT format('constraint %I of %s', conname, conrelid::regclass) FROM pg_constraint WHERE NOT convalidated AND conrelid <> 0 ORDER BY 1";
    sqlx::query_scalar(sql).fetch_all(connection).await
}

/// How many migrations of this binary are applied, and how many are pending.
pub async fn progress(pool: &PgPool) -> Result<(usize, usize), sqlx::Error> {
    let entries = compare(&MIGRATOR, &recorded(&mut *pool.acquire().await?).await?);
    let applied = entries.iter().filter(|entry| matches!(entry.status, Status::Applied | Status::Changed)).count();
    Ok((applied, entries.iter().filter(|entry| entry.status.is_pending()).count()))
}

/// Those that lead to the newer schema.
fn ups(migrations: &Migrator) -> impl Iterator<Item = &Migration> {
    migrations.iter().filter(|migration| !migration.migration_type.is_down_migration())
}

/// Those that `entries` call pending.
fn pending<'m>(migrations: &'m Migrator, entries: &[Entry]) -> impl Iterator<Item = &'m Migration> {
    let is_pending = |version: i64| entries.iter().any(|entry| entry.version == version && entry.status.is_pending());
    ups(migrations).filter(move |migration| is_pending(migration.version))
}

/// The way back from `version`.
fn down(migrations: &Migrator, version: i64) -> Option<&Migration> {
    migrations.iter().find(|migration| migration.version == version && migration.migration_type.is_down_migration())
}

/// What the database recorded, by number. A database that was never migrated has nothing.
async fn recorded(connection: &mut PgConnection) -> Result<BTreeMap<i64, Record>, sqlx::Error> {
    let sql = "SELECT version, description, checksum FROM _sqlx_migrations WHERE success";
    match sqlx::query_as(sql).fetch_all(connection).await {
        Ok(rows) => Ok(rows.into_iter().map(|(version, description, checksum)| (version, Record { description, checksum })).collect()),
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42P01") => Ok(BTreeMap::new()),
        Err(error) => Err(error),
    }
}

fn compare(migrations: &Migrator, recorded: &BTreeMap<i64, Record>) -> Vec<Entry> {
    let newest = recorded.keys().next_back();
    let shared = |version: i64| ups(migrations).filter(|migration| migration.version == version).count() > 1;
    let mut entries: Vec<Entry> = ups(migrations)
        .map(|migration| {
            let version = migration.version;
            let record = recorded.get(&version);
            let status = match record {
                Some(record) if record.checksum == *migration.checksum => Status::Applied,
                _ if shared(version) => Status::Duplicate,
                Some(_) => Status::Changed,
                None if file::is_empty(migration.sql.as_str()) => Status::Empty,
                None if newest.is_some_and(|newest| version < *newest) => Status::OutOfOrder,
                None => Status::Pending,
            };
            let (description, own) = (migration.description.to_string(), Some(migration.checksum.to_vec()));
            Entry { version, description, status, own, recorded: record.cloned() }
        })
        .collect();
    let missing = recorded.iter().filter(|(version, _)| ups(migrations).all(|migration| migration.version != **version));
    entries.extend(missing.map(|(version, record)| {
        let description = record.description.clone();
        Entry { version: *version, description, status: Status::Unknown, own: None, recorded: Some(record.clone()) }
    }));
    entries.sort_by_key(|entry| entry.version);
    entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::SqlSafeStr as _;
    use sqlx::migrate::MigrationType;

    /// With these numbers and texts.
    pub(super) fn migrator(texts: &[(i64, &str, &'static str)]) -> Migrator {
        let migrations = texts.iter().map(|(version, name, text)| {
            let (name, kind) = match name.strip_suffix(".down") {
                Some(name) => (name, MigrationType::ReversibleDown),
                None => (*name, MigrationType::ReversibleUp),
            };
            Migration::new(*version, name.replace('_', " ").into(), kind, text.into_sql_str(), false)
        });
        Migrator::with_migrations(migrations.collect())
    }

    /// As if `migrator` had been applied.
    fn applied(migrator: &Migrator) -> BTreeMap<i64, Record> {
        let record =
            |migration: &Migration| Record { description: migration.description.to_string(), checksum: migration.checksum.to_vec() };
        ups(migrator).map(|migration| (migration.version, record(migration))).collect()
    }

    fn statuses(migrator: &Migrator, recorded: &BTreeMap<i64, Record>) -> Vec<(i64, Status)> {
        compare(migrator, recorded).into_iter().map(|entry| (entry.version, entry.status)).collect()
    }

    fn refusal(now: &Migrator, then: &Migrator) -> String {
        check(now, &compare(now, &applied(then))).unwrap_err().to_string()
    }

    #[test]
    fn the_cases_are_told_apart() {
        let now = migrator(&[(2, "a", "A"), (3, "b", "B!"), (4, "c", "C"), (5, "d", "-- Later.\n"), (7, "e", "E")]);
        let then = applied(&migrator(&[(1, "gone", "Z"), (2, "a", "A"), (3, "b", "B"), (6, "f", "F")]));
        let expected = [
            (1, Status::Unknown),
            (2, Status::Applied),
            (3, Status::Changed),
            (4, Status::OutOfOrder),
            (5, Status::Empty),
            (6, Status::Unknown),
            (7, Status::Pending),
        ];
        assert_eq!(statuses(&now, &then), expected);
        assert_eq!(compare(&now, &then)[0].description, "gone", "it was recorded");
        assert!(statuses(&MIGRATOR, &BTreeMap::new()).iter().all(|(_, status)| *status == Status::Pending));
    }

    #[test]
    fn an_empty_one_holds_nothing_back_and_is_applied_when_it_is_written() {
        let stub = migrator(&[(1, "a", "A"), (2, "b", "-- Why.\n"), (3, "c", "C")]);
        let entries = compare(&stub, &BTreeMap::new());
        assert!(check(&stub, &entries).is_ok());
        assert_eq!(pending(&stub, &entries).map(|migration| migration.version).collect::<Vec<_>>(), [1, 3]);
        let written = migrator(&[(1, "a", "A"), (2, "b", "B"), (3, "c", "C")]);
        let then = applied(&migrator(&[(1, "a", "A"), (3, "c", "C")]));
        assert_eq!(statuses(&written, &then)[1], (2, Status::OutOfOrder));
        // One that an older version applied stays applied.
        assert_eq!(statuses(&stub, &applied(&stub))[1], (2, Status::Applied));
    }

    #[test]
    fn one_number_of_two_is_refused_with_both_names() {
        let now = migrator(&[(1, "a", "A"), (2, "left", "B"), (2, "right", "C")]);
        assert_eq!(statuses(&now, &BTreeMap::new())[1..], [(2, Status::Duplicate), (2, Status::Duplicate)]);
        let text = refusal(&now, &migrator(&[(1, "a", "A"), (2, "left", "B")]));
        assert_eq!(
            text,
            "several migrations have the number 2: backend/migrations/2_left.up.sql, backend/migrations/2_right.up.sql\n  \
             nothing was applied; give the newer one a number of its own"
        );
    }

    #[test]
    fn what_is_not_as_it_was_applied_is_named_with_its_file() {
        let then = migrator(&[(1, "a", "A"), (2, "b", "B")]);
        let changed = refusal(&migrator(&[(1, "a", "A\n"), (2, "b", "B")]), &then);
        assert!(changed.starts_with("backend/migrations/1_a.up.sql was changed after it was applied: only the blank lines"), "{changed}");
        let reused = refusal(&migrator(&[(1, "a", "A"), (2, "other", "X")]), &then);
        assert!(reused.contains("2_other.up.sql was changed after it was applied: its number is that of `b`"), "{reused}");
        let moved = refusal(&migrator(&[(1, "a", "A"), (3, "b", "B")]), &then);
        assert_eq!(
            moved,
            "migration 2 b was applied to the database but is not in this binary: backend/migrations/3_b.up.sql has its text, so give that file the number 2 again"
        );
        let gone = refusal(&migrator(&[(1, "a", "A")]), &then);
        assert!(gone.ends_with("2 b was applied to the database but is not in this binary: run the newer version that contains it, or restore a backup from before it"), "{gone}");
        let renamed = migrator(&[(1, "a", "A"), (2, "better_name", "B")]);
        assert!(check(&renamed, &compare(&renamed, &applied(&then))).is_ok(), "the number and the text are what counts");
    }

    #[test]
    fn only_the_newest_with_a_way_back_can_be_reverted() {
        let then = migrator(&[(1, "a", "A"), (2, "b", "B")]);
        let revertible = |now: &[(i64, &str, &'static str)]| {
            let now = migrator(now);
            let error = check(&now, &compare(&now, &applied(&then))).unwrap_err();
            error.downcast_ref::<Changed>().map(|changed| changed.revertible)
        };
        assert_eq!(revertible(&[(1, "a", "A"), (2, "b", "B!"), (2, "b.down", "D")]), Some(true));
        assert_eq!(revertible(&[(1, "a", "A"), (2, "b", "B!"), (2, "b.down", "-- How to go back.\n")]), Some(false));
        assert_eq!(revertible(&[(1, "a", "A"), (2, "b", "B!")]), Some(false));
        assert_eq!(revertible(&[(1, "a", "A!"), (1, "a.down", "D"), (2, "b", "B")]), Some(false), "an older one");
    }

    #[test]
    fn a_byte_order_mark_is_refused_before_anything_is_applied() {
        let now = migrator(&[(1, "a", "A"), (2, "b", "\u{feff}CREATE")]);
        let text = refusal(&now, &migrator(&[]));
        assert!(text.starts_with("backend/migrations/2_b.up.sql:1: it begins with a byte order mark"), "{text}");
    }
}
