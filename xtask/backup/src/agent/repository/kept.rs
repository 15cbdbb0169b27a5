//! The dump of the last backup into a repository. It stays, and is used again where nothing was written to the database since: restic reads no file that it
//! has met before.

use std::collections::BTreeMap;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use backup::{DUMP, Manifest, Part};
use serde::{Deserialize, Serialize};

use super::listing::Listing;
use super::state::state;
use crate::agent::database::Facts;
use crate::agent::place::{Place, remove, sync};
use crate::agent::psql::Server;
use crate::agent::tree;

/// What is said of it beside it.
const NOTE: &str = "dump.json";
/// More is none of ours.
const LARGEST_NOTE: u64 = 16 << 20;

/// A dump that may fit the database as it is now.
pub(crate) struct Kept {
    directory: PathBuf,
    /// How the database is; nothing where that cannot be told.
    state: Option<String>,
    note: Option<Note>,
}

/// What is known of a dump that stays.
#[derive(Debug, Serialize, Deserialize)]
struct Note {
    /// How the database was, just before it was dumped.
    state: String,
    version: Option<String>,
    migration: Option<String>,
    part: Part,
    files: Stamps,
}

/// By name, what restic goes by, too, of files that nobody has touched: their numbers, and the times of the last change of anything, seconds and
/// nanoseconds since 1970.
type Stamps = BTreeMap<String, (u64, i64, i64)>;

impl Kept {
    /// What there is of the part `name`, if it is like the database of `server`; what is not is removed, before a new one needs the room.
    ///
    /// # Errors
    /// When the server does not answer.
    pub(crate) fn find(place: &Place, name: &str, server: &Server, migration_query: Option<&str>) -> anyhow::Result<Self> {
        let directory = place.backups.join(DUMP);
        let mut kept = Self { directory, state: state(server, migration_query)?, note: None };
        kept.note = kept.read(name);
        if kept.note.is_none() {
            forget(place)?;
        }
        Ok(kept)
    }

    fn read(&self, name: &str) -> Option<Note> {
        let path = self.directory.join(NOTE);
        path.symlink_metadata().ok().filter(|meta| meta.is_file() && meta.len() < LARGEST_NOTE)?;
        let note: Note = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
        if self.state.as_ref() != Some(&note.state) || note.part.name != name {
            return None;
        }
        let directory = self.directory.join(name);
        // Names, kinds, owners, permissions, sizes and times first: what lies there may be anything.
        let listing = Listing::walked(&tree::look(&directory).ok()?).digest();
        (note.part.listing == Some(listing) && stamps(&directory).ok()? == note.files).then_some(note)
    }

    /// Whether a dump made when it was found would have been the same.
    pub(crate) fn fits(&self) -> bool {
        self.note.is_some()
    }

    /// Whether it would be the same now.
    ///
    /// # Errors
    /// When the server does not answer.
    pub(crate) fn still_fits(&self, server: &Server, migration_query: Option<&str>) -> anyhow::Result<bool> {
        Ok(self.fits() && state(server, migration_query)? == self.state)
    }

    /// Puts it at `directory`, which is not there yet; says what is known of the database, and the digest.
    ///
    /// # Errors
    /// When it cannot be moved.
    pub(crate) fn take(&self, directory: &Path) -> anyhow::Result<(Facts, Option<String>)> {
        let note = self.note.as_ref().context("there is one that fits")?;
        let from = self.directory.join(&note.part.name);
        std::fs::rename(&from, directory).with_context(|| format!("cannot move {}", from.display()))?;
        let Note { version, migration, part, .. } = note;
        let facts = Facts { rows: part.rows.clone(), version: version.clone(), migration: migration.clone() };
        Ok((facts, Some(part.digest.clone())))
    }

    /// Keeps what lies in `directory`, as it is a part of the backup `manifest`: the next one finds it, whatever comes in between.
    ///
    /// # Errors
    /// When it cannot be moved, or its note cannot be written.
    pub(crate) fn keep(self, place: &Place, directory: &Path, manifest: &Manifest, part: &Part) -> anyhow::Result<()> {
        forget(place)?;
        let Some(state) = self.state else { return Ok(()) };
        let own = self.directory.join(&part.name);
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&self.directory)
            .with_context(|| format!("cannot make {}", self.directory.display()))?;
        place.give(&self.directory)?;
        let (version, migration) = (manifest.postgres.clone(), manifest.migration.clone());
        let note = Note { state, version, migration, part: part.clone(), files: stamps(directory)? };
        std::fs::rename(directory, &own).with_context(|| format!("cannot move {}", directory.display()))?;
        let path = self.directory.join(NOTE);
        std::fs::write(&path, serde_json::to_vec(&note)?).with_context(|| format!("cannot write {}", path.display()))?;
        sync(&path)
    }
}

/// Removes what there is: it is of no use any more, or its room is needed.
///
/// # Errors
/// When that is not possible.
pub(crate) fn forget(place: &Place) -> anyhow::Result<()> {
    remove(&place.backups.join(DUMP))
}

fn stamps(directory: &Path) -> std::io::Result<Stamps> {
    let mut stamps = Stamps::new();
    for entry in directory.read_dir()? {
        let entry = entry?;
        let meta = entry.metadata()?;
        stamps.insert(entry.file_name().to_string_lossy().into_owned(), (meta.ino(), meta.ctime(), meta.ctime_nsec()));
    }
    Ok(stamps)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    const MANIFEST: &str = r#"{"schema":1,"id":"a","created_at":"2026-11-21T22:45:01Z","project":"p","environment":"local","revision":null,"images":{},
        "postgres":"17.1","migration":"20260101","quiesced":false,"seconds":1.5,
        "parts":[{"name":"db","kind":"postgres","bytes":4,"entries":2,"digest":"d","rows":{"public.tasks":3}}]}"#;

    /// What is found of the part `name` of a database that is like `state`.
    fn found(place: &Place, name: &str, state: Option<&str>) -> Kept {
        let mut kept = Kept { directory: place.backups.join(DUMP), state: state.map(str::to_owned), note: None };
        kept.note = kept.read(name);
        kept
    }

    #[test]
    fn it_fits_the_same_state_until_somebody_touches_it() {
        let root = tempfile::tempdir().expect("a directory");
        let place = Place { backups: root.path().to_owned(), set: root.path().join("set"), private: root.path().to_owned() };
        let manifest = Manifest::parse(MANIFEST.as_bytes()).expect("a manifest");
        let (part, new, own) = (manifest.part("db").expect("there"), root.path().join("new"), root.path().join(DUMP));
        let dumped = |state: Option<&str>| {
            remove(&new).expect("removed");
            std::fs::create_dir(&new).expect("made");
            std::fs::write(new.join("database.dump"), "PGDM").expect("written");
            let listing = Listing::walked(&tree::look(&new).expect("a tree")).digest();
            let part = Part { listing: Some(listing), ..part.clone() };
            found(&place, "db", state).keep(&place, &new, &manifest, &part).expect("kept");
        };
        let fits = |name: &str, state: Option<&str>| found(&place, name, state).fits();

        assert!(!fits("db", Some("1")), "there is none");
        dumped(Some("1"));
        assert_eq!([fits("db", Some("1")), fits("db", Some("2")), fits("other", Some("1")), fits("db", None)], [true, false, false, false]);
        let (facts, digest) = found(&place, "db", Some("1")).take(&new).expect("taken");
        assert_eq!((facts.rows, digest.as_deref()), (part.rows.clone(), Some("d")));
        assert_eq!((facts.version.as_deref(), facts.migration.as_deref()), (Some("17.1"), Some("20260101")));
        assert!(new.join("database.dump").is_file() && !fits("db", Some("1")), "it is taken once");

        let touches: [&dyn Fn(&Path); 9] = [
            &|path| std::fs::write(path.join("db/database.dump"), "PGDMP").expect("written"),
            &|path| std::fs::write(path.join("db/more"), "").expect("written"),
            &|path| std::fs::remove_file(path.join("db/database.dump")).expect("removed"),
            &|path| {
                std::fs::rename(path.join("db/database.dump"), path.join("moved")).expect("moved");
                std::os::unix::fs::symlink("../moved", path.join("db/database.dump")).expect("linked");
            },
            &|path| {
                std::fs::rename(path.join("db"), path.join("moved")).expect("moved");
                std::os::unix::fs::symlink("moved", path.join("db")).expect("linked");
            },
            &|path| {
                std::fs::remove_file(path.join("db/database.dump")).expect("removed");
                // Whoever opened it would wait for ever.
                let (name, mode) = (path.join("db/database.dump"), rustix::fs::Mode::RUSR);
                rustix::fs::mknodat(rustix::fs::CWD, name, rustix::fs::FileType::Fifo, mode, 0).expect("made");
            },
            &|path| std::fs::set_permissions(path.join("db"), std::fs::Permissions::from_mode(0o700)).expect("changed"),
            &|path| std::fs::write(path.join(NOTE), "{").expect("written"),
            &|path| {
                std::fs::rename(path.join(NOTE), path.join("moved")).expect("moved");
                std::os::unix::fs::symlink("moved", path.join(NOTE)).expect("linked");
            },
        ];
        for touch in touches {
            dumped(Some("1"));
            assert!(fits("db", Some("1")));
            touch(&own);
            assert!(!fits("db", Some("1")));
        }

        dumped(None);
        assert!(!own.exists(), "nobody can tell when it fits again");
    }
}
