//! The way back: what the newest applied migration did is undone by its down file.
use super::{Entry, NO_TRANSACTION, Status, TABLE, compare, down, failure, file, lock, recorded, ups};
use anyhow::{anyhow, bail};
use sqlx::migrate::{Migrate, Migration, Migrator};
use sqlx::postgres::PgConnection;

/// Which text of a migration is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text {
    /// The one that was applied.
    Applied,
    /// Also one that was changed afterwards: its down file may not fit what was applied.
    Any,
}

/// Takes back the newest applied one of `migrations`, under the same lock as `up`, and returns it; nothing where none is applied.
/// `expected` is the one that somebody agreed to: another one is left alone.
pub async fn revert(
    connection: &mut PgConnection,
    migrations: &Migrator,
    expected: Option<i64>,
    text: Text,
) -> anyhow::Result<Option<Entry>> {
    lock(connection).await?;
    let outcome = revert_locked(connection, migrations, expected, text).await;
    // The lock ends with the connection at the latest, and the outcome matters more.
    let _ = connection.unlock().await;
    outcome
}

async fn revert_locked(
    connection: &mut PgConnection,
    migrations: &Migrator,
    expected: Option<i64>,
    text: Text,
) -> anyhow::Result<Option<Entry>> {
    let entries = compare(migrations, &recorded(connection).await?);
    let Some((entry, down)) = way_back(&entries, migrations, expected, text)? else { return Ok(None) };
    // The down file and the record go in one transaction.
    connection.revert(TABLE, down).await.map_err(|error| {
        let left = if down.no_tx { NO_TRANSACTION } else { "it cannot be reverted: schema and record are as they were" };
        anyhow!(failure::describe(down, &error, left))
    })?;
    Ok(Some(entry.clone()))
}

/// The newest applied migration and its down file.
fn way_back<'a, 'm>(
    entries: &'a [Entry],
    migrations: &'m Migrator,
    expected: Option<i64>,
    text: Text,
) -> anyhow::Result<Option<(&'a Entry, &'m Migration)>> {
    let Some(entry) = entries.iter().rfind(|entry| entry.status.is_applied()) else { return Ok(None) };
    let Entry { version, description, status, .. } = entry;
    if let Some(expected) = expected.filter(|expected| expected != version) {
        bail!("migration {expected} is not the newest applied one, that is {version}: nothing was reverted");
    }
    match status {
        Status::Unknown => bail!(
            "migration {version} {description} was applied to the database but is not in this binary: the version that contains it can revert it, nothing was reverted"
        ),
        Status::Changed if text == Text::Applied => {
            let path = ups(migrations).find(|migration| migration.version == *version).map(file::path).unwrap_or_default();
            bail!(
                "{path} was changed after it was applied, so its down file may not fit what was applied: restore its text, nothing was reverted"
            )
        }
        _ => {}
    }
    match down(migrations, *version) {
        Some(down) if file::is_empty(down.sql.as_str()) => bail!(
            "{} has no statement, so what the migration made would stay: write the way back first, or `SELECT 1;` where nothing is to be taken back",
            file::path(down)
        ),
        Some(down) => Ok(Some((entry, down))),
        None => bail!(
            "migration {version} {description} has no `.down.sql` file: put the way back into a new migration, or restore a backup from before it"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::migrator;
    use super::*;
    use crate::migrations::MIGRATOR;

    fn entry(version: i64, status: Status) -> Entry {
        Entry { version, description: "create things".to_owned(), status, own: None, recorded: None }
    }

    fn refusal(entries: &[Entry], expected: Option<i64>) -> String {
        way_back(entries, &MIGRATOR, expected, Text::Applied).unwrap_err().to_string()
    }

    #[test]
    fn every_migration_can_be_reverted() {
        for migration in ups(&MIGRATOR) {
            let entries = [entry(migration.version, Status::Applied)];
            let (_, down) = way_back(&entries, &MIGRATOR, Some(migration.version), Text::Applied).unwrap().unwrap();
            assert_eq!((down.version, down.migration_type.is_down_migration()), (migration.version, true));
        }
    }

    #[test]
    fn the_newest_that_is_applied_is_taken() {
        let versions: Vec<i64> = ups(&MIGRATOR).map(|migration| migration.version).collect();
        let entries = [
            entry(versions[0], Status::Applied),
            entry(versions[1], Status::Applied),
            entry(versions[2], Status::Empty),
            entry(versions[3], Status::Pending),
        ];
        assert_eq!(way_back(&entries, &MIGRATOR, None, Text::Applied).unwrap().unwrap().0.version, versions[1]);
        assert!(way_back(&entries[2..], &MIGRATOR, None, Text::Applied).unwrap().is_none());
    }

    #[test]
    fn what_cannot_be_taken_back_is_refused() {
        assert!(refusal(&[entry(7, Status::Applied)], None).starts_with("migration 7 create things has no `.down.sql` file: "));
        assert!(
            refusal(&[entry(7, Status::Unknown)], None)
                .starts_with("migration 7 create things was applied to the database but is not in this binary: ")
        );
        assert!(refusal(&[entry(7, Status::Changed)], None).contains(" was changed after it was applied, "));
        // An older one that is well does not count.
        assert!(
            refusal(&[entry(ups(&MIGRATOR).next().unwrap().version, Status::Applied), entry(i64::MAX, Status::Unknown)], None)
                .contains("not in this binary")
        );
        let other = refusal(&[entry(7, Status::Applied)], Some(6));
        assert_eq!(other, "migration 6 is not the newest applied one, that is 7: nothing was reverted");
    }

    #[test]
    fn a_way_back_without_a_statement_is_none() {
        let stub = migrator(&[(7, "things", "A"), (7, "things.down", "-- How to go back.\n")]);
        let text = way_back(&[entry(7, Status::Applied)], &stub, None, Text::Any).unwrap_err().to_string();
        assert!(text.starts_with("backend/migrations/7_things.down.sql has no statement, so what the migration made would stay"), "{text}");
    }

    #[test]
    fn a_changed_one_is_taken_back_where_that_was_agreed_to() {
        let written = migrator(&[(7, "things", "A"), (7, "things.down", "D")]);
        let (_, down) = way_back(&[entry(7, Status::Changed)], &written, Some(7), Text::Any).unwrap().unwrap();
        assert_eq!(down.sql.as_str(), "D");
    }
}
