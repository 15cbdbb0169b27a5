//! The backups that are there: what is said beside them. One is in the list only once it is whole.

use std::path::Path;

use anyhow::Context as _;
use backup::{Location, Manifest, Repository, SCHEMA, Savepoint, time};

use crate::report::{Failure, Volume};

/// A backup that is there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Backup {
    /// What is said of it.
    pub(crate) manifest: Manifest,
    /// When it was last read and found to be as it was, as RFC 3339.
    pub(crate) verified_at: Option<String>,
}

impl Backup {
    /// Its name.
    pub(crate) fn id(&self) -> &str {
        &self.manifest.id
    }

    /// Its file.
    pub(crate) fn file(&self) -> String {
        format!("{}.tar.zst", self.id())
    }

    /// Where it is, with `repository` as the one that the environment names.
    ///
    /// # Errors
    /// When it is in another one.
    pub(crate) fn location(&self, repository: Option<&Repository>) -> Result<Location, Failure> {
        let Some(snapshot) = &self.manifest.repository else { return Ok(Location::File(self.file())) };
        match repository.filter(|repository| repository.address == snapshot.address) {
            Some(repository) => Ok(Location::Snapshot { repository: repository.clone(), id: snapshot.id.clone() }),
            None => {
                let other = repository.map_or("it names none".to_owned(), |repository| format!("it names {}", repository.address));
                Err(Failure::new(format!("the backup {} is in the repository {}", self.id(), snapshot.address))
                    .hint(format!("let `backup.repository` of this environment name that one: {other}")))
            }
        }
    }

    /// How large its file is, or by how much it made its repository larger.
    pub(crate) fn bytes(&self) -> u64 {
        stored(&self.manifest)
    }

    /// When it was made, in seconds since 1970.
    pub(crate) fn time(&self) -> u64 {
        time::parse(&self.manifest.created_at).unwrap_or(0)
    }
}

/// How large the file of a backup is, or by how much it made its repository larger.
pub(crate) fn stored(manifest: &Manifest) -> u64 {
    let file = manifest.archive.as_ref().map(|archive| archive.bytes);
    file.or(manifest.repository.as_ref().map(|snapshot| snapshot.added)).unwrap_or(0)
}

/// The backups in `directory`, oldest first.
///
/// # Errors
/// When the directory is there and cannot be read.
pub(crate) fn list(directory: &Path) -> anyhow::Result<Vec<Backup>> {
    let mut backups: Vec<Backup> = notes(directory)?
        .into_iter()
        .filter_map(|(name, text)| {
            let left_out = |reason: &str| {
                let path = directory.join(format!("{name}.json"));
                Volume::Normal.say(format!("warning: {} {reason}, so its backup is left out", path.display()));
            };
            let Some(manifest) = Manifest::parse(&text) else {
                left_out("is damaged");
                return None;
            };
            if manifest.schema > SCHEMA {
                left_out("was written by a newer version");
                return None;
            }
            let whole = manifest.repository.is_some() || directory.join(format!("{name}.tar.zst")).is_file();
            let whole = whole && manifest.id == name;
            let verified_at = std::fs::read_to_string(directory.join(format!("{name}.verified"))).ok().map(|text| text.trim().to_owned());
            whole.then_some(Backup { manifest, verified_at })
        })
        .collect();
    backups.sort_by(|a, b| a.id().cmp(b.id()));
    Ok(backups)
}

/// The save points that are there, oldest first.
///
/// # Errors
/// When the directory is there and cannot be read.
pub(crate) fn savepoints(directory: &Path) -> anyhow::Result<Vec<Savepoint>> {
    let directory = directory.join("snapshots");
    let read = |(name, text): (String, Vec<u8>)| {
        let savepoint = serde_json::from_slice(&text).ok().filter(Savepoint::is_plain).filter(|savepoint| savepoint.name == name);
        if savepoint.is_none() {
            let path = directory.join(format!("{name}.json"));
            Volume::Normal.say(format!("warning: {} is damaged, so its save point is left out", path.display()));
        }
        savepoint
    };
    let mut savepoints: Vec<Savepoint> = notes(&directory)?.into_iter().filter_map(read).collect();
    savepoints.sort_by(|a, b| (&a.created_at, &a.name).cmp(&(&b.created_at, &b.name)));
    Ok(savepoints)
}

/// The contents of the `.json` files in `directory`, by name.
fn notes(directory: &Path) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
    let unreadable = || format!("cannot read {}", directory.display());
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.with_context(unreadable)?,
    };
    let mut notes = Vec::new();
    for entry in entries {
        let path = entry.with_context(unreadable)?.path();
        let name = path.file_stem().and_then(|name| name.to_str()).map(str::to_owned);
        if let (Some(name), Some("json"), true) = (name, path.extension().and_then(|extension| extension.to_str()), path.is_file()) {
            notes.push((name, std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?));
        }
    }
    // What is said of them comes in an order.
    notes.sort();
    Ok(notes)
}

/// The one that a person means: its name, the begin of it, or `latest`. `flags` name the stack in what is said.
///
/// # Errors
/// When there is none, or several.
pub(crate) fn find<'a>(backups: &'a [Backup], wanted: &str, flags: &str) -> Result<&'a Backup, Failure> {
    let hint = format!("`cargo xtask backup list{flags}` shows what there is");
    if wanted == "latest" {
        return backups.last().ok_or_else(|| Failure::new("there is no backup").hint(format!("`cargo xtask backup{flags}` makes one")));
    }
    let found: Vec<&Backup> = backups.iter().filter(|backup| !wanted.is_empty() && backup.id().starts_with(wanted)).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => Err(Failure::new(format!("there is no backup `{wanted}`")).hint(hint)),
        [first, .., last] => {
            Err(Failure::new(format!("`{wanted}` may be several backups, from {} to {}", first.id(), last.id()))
                .hint("write more of its name"))
        }
    }
}

/// Says that a backup was read and found to be as it was.
///
/// # Errors
/// When that cannot be written.
pub(crate) fn mark_verified(directory: &Path, id: &str, seconds: u64) -> anyhow::Result<()> {
    let path = directory.join(format!("{id}.verified"));
    std::fs::write(&path, format!("{}\n", time::rfc3339(seconds))).with_context(|| format!("cannot write {}", path.display()))
}

/// Forgets that a backup was found to be as it was.
///
/// # Errors
/// When that cannot be removed.
pub(crate) fn unmark_verified(directory: &Path, id: &str) -> anyhow::Result<()> {
    remove_file(&directory.join(format!("{id}.verified")))
}

/// Removes a backup. What says of it goes first: without that it is in no list.
///
/// # Errors
/// When a file cannot be removed.
pub(crate) fn remove(directory: &Path, id: &str) -> anyhow::Result<()> {
    ["json", "tar.zst", "verified"].iter().try_for_each(|extension| remove_file(&directory.join(format!("{id}.{extension}"))))
}

fn remove_file(path: &Path) -> anyhow::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use backup::{Archive, Snapshot};

    use super::*;

    /// A backup of this name.
    pub(crate) fn backup(id: &str) -> Backup {
        let at = format!("{}-{}-{}T{}:{}:{}Z", &id[..4], &id[4..6], &id[6..8], &id[9..11], &id[11..13], &id[13..15]);
        let manifest = Manifest {
            schema: 1,
            id: id.to_owned(),
            created_at: at,
            project: "slipway".to_owned(),
            environment: "local".to_owned(),
            revision: None,
            images: Default::default(),
            postgres: None,
            migration: None,
            quiesced: false,
            seconds: 1.0,
            parts: Vec::new(),
            archive: Some(Archive { bytes: 2048, sha256: String::new() }),
            repository: None,
        };
        Backup { manifest, verified_at: None }
    }

    fn write(directory: &Path, backup: &Backup) {
        std::fs::write(directory.join(format!("{}.json", backup.id())), serde_json::to_vec(&backup.manifest).expect("JSON"))
            .expect("written");
        std::fs::write(directory.join(backup.file()), "").expect("written");
    }

    #[test]
    fn what_is_not_whole_is_not_listed() {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(list(&dir.path().join("none")).expect("nothing"), []);
        let [first, second, third] = ["20261121T224501Z", "20261121T224502Z", "20261121T224503Z"].map(backup);
        [&second, &first, &third].into_iter().for_each(|backup| write(dir.path(), backup));
        std::fs::remove_file(dir.path().join(third.file())).expect("removed");
        std::fs::write(dir.path().join("20261121T224504Z.tar.zst"), "").expect("written");
        std::fs::write(dir.path().join("20261121T224505Z.json"), "{").expect("written");
        let mut newer = backup("20261121T224506Z");
        newer.manifest.schema = SCHEMA + 1;
        write(dir.path(), &newer);
        assert_eq!(list(dir.path()).expect("readable"), [first.clone(), second]);
        mark_verified(dir.path(), first.id(), 1_795_226_400).expect("written");
        assert_eq!(list(dir.path()).expect("readable")[0].verified_at.as_deref(), Some("2026-11-21T02:00:00Z"));
        unmark_verified(dir.path(), first.id()).expect("removed");
        unmark_verified(dir.path(), first.id()).expect("it is not there");
        assert_eq!(list(dir.path()).expect("readable")[0].verified_at, None);
        remove(dir.path(), first.id()).expect("removed");
        assert_eq!(list(dir.path()).expect("readable").len(), 1);
    }

    #[test]
    fn a_snapshot_is_where_the_environment_says_or_nowhere() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut stored = backup("20261121T224501Z");
        stored.manifest.archive = None;
        stored.manifest.repository = Some(Snapshot { address: "../vault".to_owned(), id: "44cb".to_owned(), added: 512 });
        write(dir.path(), &stored);
        std::fs::remove_file(dir.path().join(stored.file())).expect("removed");
        assert_eq!((list(dir.path()).expect("readable"), stored.bytes()), (vec![stored.clone()], 512));
        let repository = |address: &str| Repository { address: address.to_owned(), mounted: true };
        let there = Location::Snapshot { repository: repository("../vault"), id: "44cb".to_owned() };
        assert_eq!(stored.location(Some(&repository("../vault"))).expect("there"), there);
        assert!(stored.location(None).expect_err("refused").to_string().contains("it names none"));
        assert!(stored.location(Some(&repository("/srv/new"))).expect_err("refused").to_string().contains("it names /srv/new"));
        let file = backup("20261121T224501Z");
        assert_eq!(file.location(Some(&repository("../vault"))).expect("a file"), Location::File(file.file()));
    }

    #[test]
    fn one_is_meant_by_the_begin_of_its_name() {
        let backups = ["20261121T224501Z", "20261121T224502Z"].map(backup);
        assert_eq!(find(&backups, "latest", "").expect("the last").id(), "20261121T224502Z");
        assert_eq!(find(&backups, "20261121T224501", "").expect("one").id(), "20261121T224501Z");
        let refusals = ["2027", "2026", ""].map(|wanted| find(&backups, wanted, "").expect_err("refused").to_string());
        insta::assert_snapshot!(refusals.join("\n---\n"), @r"
        there is no backup `2027`

        hint: `cargo xtask backup list` shows what there is
        ---
        `2026` may be several backups, from 20261121T224501Z to 20261121T224502Z

        hint: write more of its name
        ---
        there is no backup ``

        hint: `cargo xtask backup list` shows what there is
        ");
        assert_eq!(find(&[], "latest", "").expect_err("none").to_string(), "there is no backup\n\nhint: `cargo xtask backup` makes one");
    }
}
