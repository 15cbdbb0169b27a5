//! What a restore is about to change, written before it changes anything: whatever ends it, the next run knows whether to finish or to undo.

use std::io::Write as _;

use anyhow::Context as _;
use backup::Source;
use serde::{Deserialize, Serialize};

use super::place::{Place, remove, sync};

/// Its name in the directory to work in.
pub(crate) const FILE: &str = "restore.json";

/// A restore under way.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub(crate) struct Journal {
    /// What is replaced.
    pub(crate) parts: Vec<Source>,
    /// The save point that what is there becomes.
    pub(crate) kept: String,
    /// How far it is.
    pub(crate) phase: Phase,
}

/// How far a restore is.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Phase {
    /// Data is put beside what is in use, which is as it was: undone by removing it.
    Staging,
    /// All is staged and was checked: it is finished, whatever happens.
    Commit,
}

impl Journal {
    /// The journal of an interrupted restore.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub(crate) fn read(place: &Place) -> anyhow::Result<Option<Self>> {
        let path = place.work().join(FILE);
        let unreadable = || format!("cannot read {}, the journal of a restore", path.display());
        match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).map(Some).with_context(unreadable),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(unreadable),
        }
    }

    /// Writes it, whole or not at all.
    ///
    /// # Errors
    /// When it cannot be made durable.
    pub(crate) fn write(&self, place: &Place) -> anyhow::Result<()> {
        let (path, work) = (place.work().join(FILE), place.work());
        let unwritable = || format!("cannot write {}", path.display());
        std::fs::create_dir_all(&work).with_context(unwritable)?;
        let new = work.join("restore.json.new");
        let mut file = std::fs::File::create(&new).with_context(unwritable)?;
        file.write_all(&serde_json::to_vec(self)?).and_then(|()| file.sync_all()).with_context(unwritable)?;
        std::fs::rename(&new, &path).with_context(unwritable)?;
        sync(&work)
    }

    /// Removes it: there is nothing to finish and nothing to undo.
    ///
    /// # Errors
    /// When that is not possible.
    pub(crate) fn close(place: &Place) -> anyhow::Result<()> {
        remove(&place.work().join(FILE))?;
        sync(&place.work())
    }
}
