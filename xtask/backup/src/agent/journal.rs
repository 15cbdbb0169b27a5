//! The journal of a restore, as the agent keeps it.

use std::io::Write as _;

use anyhow::Context as _;
use backup::Journal;

use super::database::PLAN;
use super::place::{Place, remove, sync};

/// The journal of an interrupted restore.
///
/// # Errors
/// When it is there and cannot be read.
pub(crate) fn read(place: &Place) -> anyhow::Result<Option<Journal>> {
    Journal::read(&place.backups)
        .with_context(|| format!("cannot read {}, the journal of a restore", Journal::path(&place.backups).display()))
}

/// Writes it, whole or not at all.
///
/// # Errors
/// When it cannot be made durable.
pub(crate) fn write(journal: &Journal, place: &Place) -> anyhow::Result<()> {
    let (path, work) = (Journal::path(&place.backups), place.work());
    let unwritable = || format!("cannot write {}", path.display());
    std::fs::create_dir_all(&work).with_context(unwritable)?;
    let new = work.join("restore.json.new");
    let mut file = std::fs::File::create(&new).with_context(unwritable)?;
    file.write_all(&serde_json::to_vec(journal)?).and_then(|()| file.sync_all()).with_context(unwritable)?;
    place.give(&new)?;
    std::fs::rename(&new, &path).with_context(unwritable)?;
    sync(&work)
}

/// Removes it: there is nothing to finish and nothing to undo.
///
/// # Errors
/// When that is not possible.
pub(crate) fn close(place: &Place) -> anyhow::Result<()> {
    remove(&Journal::path(&place.backups))?;
    remove(&place.work().join(PLAN))?;
    sync(&place.work())
}
