//! The way back: what the newest applied migration did is undone by its down file.
use super::{Entry, MIGRATOR, Status, TABLE, compare, lock, recorded};
use anyhow::{Context, bail};
use sqlx::migrate::{Migrate, Migration};
use sqlx::postgres::PgConnection;

/// Takes back the newest applied migration, under the same lock as `up`, and returns it; nothing where none is applied.
/// `expected` is the one that somebody agreed to: another one is left alone.
pub async fn revert(connection: &mut PgConnection, expected: Option<i64>) -> anyhow::Result<Option<Entry>> {
    lock(connection).await?;
    let outcome = revert_locked(connection, expected).await;
    // The lock ends with the connection at the latest, and the outcome matters more.
    let _ = connection.unlock().await;
    outcome
}

async fn revert_locked(connection: &mut PgConnection, expected: Option<i64>) -> anyhow::Result<Option<Entry>> {
    let entries = compare(&recorded(connection).await?);
    let Some((entry, down)) = way_back(&entries, MIGRATOR.iter(), expected)? else { return Ok(None) };
    // The down file and the record go in one transaction.
    connection.revert(TABLE, down).await.with_context(|| {
        let left = if down.no_tx { "it runs without a transaction: look at what it left" } else { "schema and record are as they were" };
        format!("migration {} {} cannot be reverted, {left}", entry.version, entry.description)
    })?;
    Ok(Some(entry.clone()))
}

/// The newest applied migration and its down file.
fn way_back<'a, 'm>(
    entries: &'a [Entry],
    mut migrations: impl Iterator<Item = &'m Migration>,
    expected: Option<i64>,
) -> anyhow::Result<Option<(&'a Entry, &'m Migration)>> {
    let Some(entry) = entries.iter().rfind(|entry| entry.status.is_applied()) else { return Ok(None) };
    let Entry { version, description, status } = entry;
    if let Some(expected) = expected.filter(|expected| expected != version) {
        bail!("migration {expected} is not the newest applied one, that is {version}: nothing was reverted");
    }
    match status {
        Status::Unknown => bail!(
            "migration {version} was applied to the database but is not in this binary: the version that contains it can revert it, nothing was reverted"
        ),
        Status::Changed => bail!(
            "migration {version} was changed after it was applied, so its down file may not fit what was applied: restore its text, nothing was reverted"
        ),
        Status::Applied | Status::Pending | Status::OutOfOrder => {}
    }
    let down = migrations.find(|migration| migration.version == *version && migration.migration_type.is_down_migration());
    match down {
        Some(down) => Ok(Some((entry, down))),
        None => bail!(
            "migration {version} {description} has no `.down.sql` file: put the way back into a new migration, or restore a backup from before it"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrations::embedded;

    fn entry(version: i64, status: Status) -> Entry {
        Entry { version, description: "create things".to_owned(), status }
    }

    fn refusal(entries: &[Entry], expected: Option<i64>) -> String {
        way_back(entries, MIGRATOR.iter(), expected).unwrap_err().to_string()
    }

    #[test]
    fn every_migration_can_be_reverted() {
        for migration in embedded() {
            let entries = [entry(migration.version, Status::Applied)];
            let (_, down) = way_back(&entries, MIGRATOR.iter(), Some(migration.version)).unwrap().unwrap();
            assert_eq!((down.version, down.migration_type.is_down_migration()), (migration.version, true));
        }
    }

    #[test]
    fn the_newest_that_is_applied_is_taken() {
        let versions: Vec<i64> = embedded().map(|migration| migration.version).collect();
        let entries = [entry(versions[0], Status::Applied), entry(versions[1], Status::Applied), entry(versions[2], Status::Pending)];
        assert_eq!(way_back(&entries, MIGRATOR.iter(), None).unwrap().unwrap().0.version, versions[1]);
        assert!(way_back(&entries[2..], MIGRATOR.iter(), None).unwrap().is_none());
    }

    #[test]
    fn what_cannot_be_taken_back_is_refused() {
        assert!(refusal(&[entry(7, Status::Applied)], None).starts_with("migration 7 create things has no `.down.sql` file: "));
        assert!(
            refusal(&[entry(7, Status::Unknown)], None).starts_with("migration 7 was applied to the database but is not in this binary: ")
        );
        assert!(refusal(&[entry(7, Status::Changed)], None).starts_with("migration 7 was changed after it was applied, "));
        // An older one that is well does not count.
        assert!(
            refusal(&[entry(embedded().next().unwrap().version, Status::Applied), entry(i64::MAX, Status::Unknown)], None)
                .contains("not in this binary")
        );
        let other = refusal(&[entry(7, Status::Applied)], Some(6));
        assert_eq!(other, "migration 6 is not the newest applied one, that is 7: nothing was reverted");
    }
}
