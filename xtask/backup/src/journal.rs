//! What a restore is about to change, written before it changes anything: whatever ends it, the next run knows whether to finish or to undo, and others
//! can say so.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::Source;

/// What is only there while something is done, in the directory of backups.
pub const WORK: &str = ".work";
/// The dump that the last backup into a repository has, there too.
pub const DUMP: &str = ".dump";

/// A restore under way.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Journal {
    /// What is replaced.
    pub parts: Vec<Source>,
    /// What else an older save point of that name has, which is gone with it.
    #[serde(default)]
    pub others: Vec<Source>,
    /// The save point that what is there becomes.
    pub kept: String,
    /// How far it is.
    pub phase: Phase,
}

/// How far a restore is.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Data is put beside what is in use, which is as it was: undone by removing it.
    Staging,
    /// All is staged and was checked: it is finished, whatever happens.
    Commit,
}

impl Journal {
    /// Its name in [`WORK`].
    pub const FILE: &str = "restore.json";

    /// Where it is, where `backups` is the directory of backups.
    #[must_use]
    pub fn path(backups: &Path) -> PathBuf {
        backups.join(WORK).join(Self::FILE)
    }

    /// The journal of a restore that goes on, or was interrupted; nothing where there is none.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn read(backups: &Path) -> std::io::Result<Option<Self>> {
        match std::fs::read(Self::path(backups)) {
            Ok(text) => Ok(serde_json::from_slice(&text).map(Some)?),
            // Below a file there is nothing either.
            Err(error) if matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_or_none_or_something_that_is_none() {
        let backups = tempfile::tempdir().expect("a directory");
        assert_eq!(Journal::read(backups.path()).expect("none"), None);
        std::fs::create_dir(backups.path().join(WORK)).expect("a directory");
        std::fs::write(Journal::path(backups.path()), r#"{"parts":[],"kept":"before-restore","phase":"commit"}"#).expect("written");
        let journal = Journal { parts: Vec::new(), others: Vec::new(), kept: "before-restore".to_owned(), phase: Phase::Commit };
        assert_eq!(Journal::read(backups.path()).expect("one"), Some(journal));
        assert_eq!(Journal::read(&Journal::path(backups.path())).expect("none below a file"), None);
        std::fs::write(Journal::path(backups.path()), "{}").expect("written");
        assert!(Journal::read(backups.path()).is_err());
    }
}
