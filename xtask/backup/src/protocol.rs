//! The conversation: one [`Request`] on the agent's stdin, [`Event`]s on its stdout, a JSON object a line. The end of stdin means that nobody wants
//! the result any more.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::manifest::{Kind, Manifest, Part};

/// What the agent is to do.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(tag = "verb", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// Make a backup.
    Create {
        /// What only the caller knows.
        about: About,
        /// What to back up.
        parts: Vec<Source>,
        /// Nothing is written to the database while files are copied.
        quiesce: bool,
        /// A file that changes while it is read is a failure.
        strict: bool,
        /// Where it goes; nothing: into a file.
        repository: Option<Repository>,
    },
    /// Say what a backup is.
    Show {
        /// Which one.
        file: String,
    },
    /// Read a backup and compare it with its manifest.
    Verify {
        /// Which one.
        backup: Location,
        /// Read all data of its repository; otherwise its structure, and the dumps of this backup.
        read_data: bool,
    },
    /// Write down beside the other backups what a repository has.
    List {
        /// Which one.
        repository: Repository,
    },
    /// Remove snapshots, and the data that only they had.
    Forget {
        /// From where.
        repository: Repository,
        /// Their ids.
        snapshots: Vec<String>,
    },
    /// Bring parts of a backup back.
    Restore {
        /// Which one.
        backup: Location,
        /// Which parts, and what is to take them.
        parts: Vec<Source>,
        /// The newest migration that the code here knows; a backup with a newer one is refused.
        newest_migration: Option<String>,
        /// What else the save point has that this one replaces: it is gone with it.
        others: Vec<Source>,
        /// Whether device nodes among files are brought back.
        devices: bool,
    },
    /// Finish what was interrupted.
    Recover {
        /// Everything that could be concerned.
        parts: Vec<Source>,
    },
    /// Make a save point.
    Save {
        /// Its name.
        name: String,
        /// What to save.
        parts: Vec<Source>,
    },
    /// Go back to a save point.
    Load {
        /// Its name.
        name: String,
        /// What to bring back.
        parts: Vec<Source>,
        /// What else the save point has that this one replaces: it is gone with it.
        others: Vec<Source>,
    },
    /// Remove save points.
    Remove {
        /// Their names.
        names: Vec<String>,
        /// What they are of.
        parts: Vec<Source>,
    },
}

/// A repository of restic.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Repository {
    /// Its address, as the environment names it. Nothing secret is in it.
    pub address: String,
    /// Whether that is a directory, which is mounted at `/repository`.
    pub mounted: bool,
}

/// Where a backup is.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Location {
    /// A file, by its path from the directory of backups.
    File(String),
    /// A snapshot.
    Snapshot {
        /// In which repository.
        repository: Repository,
        /// Its id there.
        id: String,
    },
}

/// What a backup says of where it comes from.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Its name.
    pub id: String,
    /// When it was begun, as RFC 3339.
    pub created_at: String,
    /// The Compose project.
    pub project: String,
    /// The environment.
    pub environment: String,
    /// The commit.
    pub revision: Option<String>,
    /// The images that run.
    pub images: BTreeMap<String, String>,
    /// SQL that answers with the newest applied migration.
    pub migration_query: Option<String>,
}

/// A part as the stack has it. Its volume, if it has one, is mounted at `/set/volumes/<name>`.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
}

/// What the agent says.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// What it does now.
    Step {
        /// For a person.
        text: String,
    },
    /// How far it is.
    Progress {
        /// The part.
        part: String,
        /// Bytes so far.
        bytes: u64,
        /// Bytes in all, where that is known.
        total: Option<u64>,
    },
    /// The server of a part is to be started again: its new data is in its volume. Where nobody does, the agent ends it, and the engine starts it.
    Restart {
        /// The part.
        part: String,
    },
    /// Something that a person should know, though it goes on.
    Warning {
        /// For a person.
        text: String,
    },
    /// A backup is there, or one is as it was when it was made.
    Backup {
        /// What is known of it.
        manifest: Box<Manifest>,
    },
    /// Data is back, or a save point is there.
    Done {
        /// What it is of.
        parts: Vec<Part>,
    },
    /// It did not work; nothing was changed unless the message says so.
    Failed {
        /// What, and why.
        message: String,
        /// More lines of why.
        details: Vec<String>,
        /// What to do.
        hints: Vec<String>,
    },
}
