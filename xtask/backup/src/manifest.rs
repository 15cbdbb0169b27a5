//! What is known of a backup: written as its last member, and beside it as `<id>.json`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// The version of the format. A newer one is refused: nobody knows what it would need.
pub const SCHEMA: u32 = 1;

/// One backup.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct Manifest {
    /// [`SCHEMA`] of whoever wrote it.
    pub schema: u32,
    /// The name of the backup: when it was begun, in UTC, `20261121T224501Z`.
    pub id: String,
    /// The same as RFC 3339.
    pub created_at: String,
    /// The Compose project that it is of.
    pub project: String,
    /// The environment that it is of.
    pub environment: String,
    /// The commit that was checked out; nothing outside of a git repository.
    pub revision: Option<String>,
    /// The images that ran, by service, and their ids.
    pub images: BTreeMap<String, String>,
    /// The version of the database server.
    pub postgres: Option<String>,
    /// The newest migration that was applied.
    pub migration: Option<String>,
    /// Whether nothing was written to the database while files were copied.
    pub quiesced: bool,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// What is in it.
    pub parts: Vec<Part>,
    /// The file itself; nothing inside of the file, which cannot know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub archive: Option<Archive>,
    /// Where it is, if it is in a repository; nothing inside of the snapshot, which cannot know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository: Option<Snapshot>,
}

impl Manifest {
    /// Reads one; nothing where it is none, or says what none of ours says: others may have written it, and terminals obey what is shown.
    #[must_use]
    pub fn parse(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok().filter(Self::is_plain)
    }

    fn is_plain(&self) -> bool {
        let facts = [&self.id, &self.created_at, &self.project, &self.environment];
        let more = [&self.revision, &self.postgres, &self.migration].into_iter().flatten();
        let images = self.images.iter().flat_map(|(service, image)| [service, image]);
        let address = self.repository.iter().flat_map(|snapshot| [&snapshot.address, &snapshot.id]);
        let parts = self.parts.iter().flat_map(|part| [&part.name, &part.digest]);
        let mut texts = facts.into_iter().chain(more).chain(images).chain(address).chain(parts);
        let plain = texts.all(|text| !text.contains(char::is_control));
        // A name is that of a directory, and of one part.
        let named = |name: &str| {
            !name.is_empty() && !name.starts_with('.') && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'))
        };
        let names: BTreeSet<&str> = self.parts.iter().map(|part| part.name.as_str()).collect();
        let parted = names.len() == self.parts.len() && names.into_iter().all(named);
        plain && parted && crate::time::parse(&self.created_at).is_some() && (0.0..1e12).contains(&self.seconds)
    }

    /// The bytes of all parts, as they are where they are used.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.parts.iter().fold(0, |sum, part| sum.saturating_add(part.bytes))
    }

    /// The part of this name.
    #[must_use]
    pub fn part(&self, name: &str) -> Option<&Part> {
        self.parts.iter().find(|part| part.name == name)
    }
}

/// The file of a backup.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Archive {
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
}

/// A snapshot in a repository of restic.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Snapshot {
    /// The repository, as the environment names it.
    pub address: String,
    /// The snapshot's id.
    pub id: String,
    /// The bytes by which it made the repository larger.
    pub added: u64,
}

/// One thing that is backed up: a database, a Redis, the files of a volume.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Part {
    /// Its name, as in `x-backup` of the compose files.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// The bytes of its files: of the dump for a database.
    pub bytes: u64,
    /// Those of them that take room: of a file with holes they are fewer. Nothing where it was not counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allocated: Option<u64>,
    /// How many files, directories and links it has.
    pub entries: u64,
    /// The SHA-256 of all names, attributes and contents; that of the same tree is the same. Of the files of a volume in a repository it is that of names
    /// and attributes only, when the backup began: restic looks after the contents.
    pub digest: String,
    /// In a repository: the SHA-256 of what restic lists of the part. Where the snapshot's own listing has the same, nothing changed meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listing: Option<String>,
    /// Rows of each table, at the moment of the backup.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rows: BTreeMap<String, u64>,
    /// Files that somebody changed, or removed, while they were read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changed: Vec<String>,
    /// Where it is in the archive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<Stored>,
}

impl Part {
    /// Where its files are in the archive.
    #[must_use]
    pub fn path(&self) -> String {
        self.kind.path(&self.name)
    }
}

/// A range of the archive: a compressed stream of its own.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Stored {
    /// Where it begins, in bytes.
    pub offset: u64,
    /// How long it is, in bytes.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
}

/// How a part is backed up.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A database of PostgreSQL: a dump of one moment.
    Postgres,
    /// A Redis: its own snapshot.
    Redis,
    /// A volume's files, as they are.
    Files,
}

impl Kind {
    /// Where the files of the part `name` are in an archive.
    #[must_use]
    pub fn path(self, name: &str) -> String {
        match self {
            Self::Files => format!("volumes/{name}"),
            Self::Postgres | Self::Redis => name.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(created_at: &str, parts: &[&str]) -> Vec<u8> {
        let parts = parts.iter().map(|name| format!(r#"{{"name":"{name}","kind":"files","bytes":1,"entries":1,"digest":""}}"#));
        let parts = parts.collect::<Vec<_>>().join(",");
        let rest = r#""environment":"local","revision":null,"images":{},"postgres":null,"migration":null,"quiesced":false,"seconds":1.5"#;
        format!(r#"{{"schema":1,"id":"a","created_at":"{created_at}","project":"slipway",{rest},"parts":[{parts}]}}"#).into_bytes()
    }

    #[test]
    fn one_that_says_what_none_of_ours_says_is_none() {
        const NOW: &str = "2026-11-21T22:45:01Z";
        assert!(Manifest::parse(&text(NOW, &["db", "media", "user.uploads_2"])).is_some());
        for (created_at, parts) in [
            ("not a date", &["db"][..]),
            (NOW, &["db", "db"]),
            (NOW, &["../../backups"]),
            (NOW, &[""]),
            (NOW, &[".slipway"]),
            (NOW, &["a\\u001b"]),
        ] {
            assert!(Manifest::parse(&text(created_at, parts)).is_none(), "{created_at} {parts:?}");
        }
    }
}
