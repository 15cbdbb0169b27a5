//! The database schema: the migrations in this binary, and how they compare with a database.
mod revert;

pub use self::revert::revert;

use crate::config::DatabaseConfig;
use crate::database;
use anyhow::{Context, bail};
use sqlx::ConnectOptions;
use sqlx::migrate::{Migrate, MigrateError, Migration, Migrator};
use sqlx::postgres::{PgConnection, PgPool};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The migrations of this binary. Each runs in a transaction, a failed one leaves the schema as it was; only one that begins with
/// `-- no-transaction` does not.
pub static MIGRATOR: Migrator = sqlx::migrate!("./migrations");

/// How long to wait for a database that is restarting.
pub const CONNECT_DEADLINE: Duration = Duration::from_secs(20);
const RETRY: Duration = Duration::from_millis(250);
/// What PostgreSQL calls a lock that was not had in time.
const LOCK_TIMEOUT: &str = "55P03";
/// The table that records what was applied.
const TABLE: &str = "_sqlx_migrations";

/// How a migration of this binary or of the database compares with the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Applied as it is in this binary.
    Applied,
    /// In this binary, not applied.
    Pending,
    /// In this binary, not applied, but a later one is.
    OutOfOrder,
    /// Applied, but its text was changed afterwards.
    Changed,
    /// Applied, but not in this binary.
    Unknown,
}

impl Status {
    fn is_applied(self) -> bool {
        matches!(self, Self::Applied | Self::Changed | Self::Unknown)
    }
}

/// One line of `migrate status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The number that orders migrations.
    pub version: i64,
    /// The name, empty if this binary does not know it.
    pub description: String,
    /// Where it stands.
    pub status: Status,
}

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

/// Applies what is pending, under an advisory lock, and returns how many that was. `applied` is told of each as soon as it is in place.
pub async fn up(connection: &mut PgConnection, mut applied: impl FnMut(&Migration)) -> anyhow::Result<usize> {
    lock(connection).await?;
    let outcome = up_locked(connection, &mut applied).await;
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

async fn up_locked(connection: &mut PgConnection, applied: &mut impl FnMut(&Migration)) -> anyhow::Result<usize> {
    connection.ensure_migrations_table(TABLE).await?;
    let entries = compare(&recorded(connection).await?);
    for Entry { version, status, .. } in &entries {
        match status {
            Status::Unknown => bail!(
                "migration {version} was applied to the database but is not in this binary: run the newer version that contains it, \
                 or restore a backup from before it"
            ),
            Status::Changed => {
                bail!("migration {version} was changed after it was applied: restore its text, and put the change into a new migration")
            }
            Status::Applied | Status::Pending | Status::OutOfOrder => {}
        }
    }
    let pending = || entries.iter().filter(|entry| !entry.status.is_applied());
    for entry in pending() {
        let Some(migration) = embedded().find(|migration| migration.version == entry.version) else { continue };
        connection.apply(TABLE, migration).await.with_context(|| {
            let left =
                if migration.no_tx { "it runs without a transaction: look at what it left" } else { "the schema is as it was before it" };
            format!("migration {} {} failed, {left}", entry.version, entry.description)
        })?;
        applied(migration);
    }
    Ok(pending().count())
}

/// How this binary and the database compare, in order.
pub async fn status(connection: &mut PgConnection) -> anyhow::Result<Vec<Entry>> {
    Ok(compare(&recorded(connection).await?))
}

/// How many migrations of this binary are applied, and how many are pending.
pub async fn progress(pool: &PgPool) -> Result<(usize, usize), sqlx::Error> {
    let entries = compare(&recorded(&mut *pool.acquire().await?).await?);
    let count = |statuses: [Status; 2]| entries.iter().filter(|entry| statuses.contains(&entry.status)).count();
    Ok((count([Status::Applied, Status::Changed]), count([Status::Pending, Status::OutOfOrder])))
}

fn embedded() -> impl Iterator<Item = &'static Migration> {
    MIGRATOR.iter().filter(|migration| !migration.migration_type.is_down_migration())
}

/// Versions and checksums in the database. A database that was never migrated has none.
async fn recorded(connection: &mut PgConnection) -> Result<BTreeMap<i64, Vec<u8>>, sqlx::Error> {
    let sql = "SELECT version, checksum FROM _sqlx_migrations WHERE success";
    match sqlx::query_as(sql).fetch_all(connection).await {
        Ok(rows) => Ok(rows.into_iter().collect()),
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42P01") => Ok(BTreeMap::new()),
        Err(error) => Err(error),
    }
}

fn compare(recorded: &BTreeMap<i64, Vec<u8>>) -> Vec<Entry> {
    let newest = recorded.keys().next_back();
    let mut entries: BTreeMap<i64, Entry> = embedded()
        .map(|migration| {
            let status = match recorded.get(&migration.version) {
                None if newest.is_some_and(|newest| migration.version < *newest) => Status::OutOfOrder,
                None => Status::Pending,
                Some(checksum) if *checksum == *migration.checksum => Status::Applied,
                Some(_) => Status::Changed,
            };
            let (version, description) = (migration.version, migration.description.to_string());
            (version, Entry { version, description, status })
        })
        .collect();
    for &version in recorded.keys() {
        let unknown = Entry { version, description: String::new(), status: Status::Unknown };
        entries.entry(version).or_insert(unknown);
    }
    entries.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cases_are_told_apart() {
        let all: Vec<_> = embedded().collect();
        let (first, second) = (all[0], all[1]);
        let recorded = BTreeMap::from([(first.version, first.checksum.to_vec()), (second.version, vec![0]), (1, vec![1])]);
        let statuses: BTreeMap<_, _> = compare(&recorded).into_iter().map(|entry| (entry.version, entry.status)).collect();
        assert_eq!(statuses[&first.version], Status::Applied);
        assert_eq!(statuses[&second.version], Status::Changed);
        assert_eq!(statuses[&1], Status::Unknown);
        assert!(all[2..].iter().all(|migration| statuses[&migration.version] == Status::Pending));
        let later = BTreeMap::from([(second.version, second.checksum.to_vec())]);
        assert_eq!(compare(&later)[0].status, Status::OutOfOrder, "it sorts before one that is applied");
        assert!(compare(&BTreeMap::new()).iter().all(|entry| entry.status == Status::Pending));
    }
}
