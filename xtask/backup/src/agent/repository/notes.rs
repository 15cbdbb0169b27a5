//! What is known here of a repository's snapshots: a note each, beside the backups that are files, so that a list needs no key and no network.

use anyhow::Context as _;
use backup::{Event, Manifest, Repository, Snapshot};
use serde::Deserialize;

use super::restic::Restic;
use crate::agent::create::save_manifest;
use crate::agent::place::{Place, remove, sync};
use crate::agent::talk;

/// A line of `restic snapshots`.
#[derive(Debug, Deserialize)]
struct Found {
    id: String,
    #[serde(default)]
    tags: Vec<String>,
    #[serde(default)]
    summary: Summary,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Summary {
    data_added_packed: u64,
}

/// Writes the notes of all backups in `repository`, and removes those of snapshots that are gone.
///
/// # Errors
/// When the repository does not answer, or a note cannot be written.
pub(crate) fn list(place: &Place, repository: &Repository) -> anyhow::Result<Event> {
    let restic = Restic::at(place, repository)?;
    let found: Vec<Found> = serde_json::from_str(&restic.read(&["snapshots"])?).context("restic lists snapshots in an unknown way")?;
    let known = read(place)?;
    for note in known.iter().filter(|note| is_of(note, restic.address)) {
        if !found.iter().any(|found| is(note, &found.id)) {
            remove(&place.backups.join(format!("{}.json", note.id)))?;
        }
    }
    for Found { id, tags, summary } in found {
        if known.iter().any(|note| is_of(note, restic.address) && is(note, &id)) {
            continue;
        }
        talk::step(format!("reading what {} is", tags.first().map_or(id.as_str(), String::as_str)));
        // Whoever keeps other snapshots in the same repository did not make them with a manifest.
        match restic.manifest(&id) {
            Ok(mut manifest) if tags.contains(&manifest.id) => {
                manifest.repository = Some(Snapshot { address: restic.address.to_owned(), id, added: summary.data_added_packed });
                write(place, &manifest)?;
            }
            Ok(_) => {}
            Err(error) if error.is::<super::super::lifeline::Gone>() => return Err(error),
            Err(_) => talk::warn(format!("the snapshot {id} is none of these backups; it is left out")),
        }
    }
    restic.give();
    Ok(Event::Done { parts: Vec::new() })
}

/// Removes `snapshots`, and the data that only they had.
///
/// # Errors
/// When the repository does not do it.
pub(crate) fn forget(place: &Place, repository: &Repository, snapshots: &[String]) -> anyhow::Result<Event> {
    place.tidy()?;
    let restic = Restic::at(place, repository)?;
    talk::step("removing snapshots");
    let arguments = ["forget", "--prune"].into_iter().chain(snapshots.iter().map(String::as_str));
    let forgotten = restic.read(&arguments.collect::<Vec<_>>());
    restic.give();
    forgotten.map(|_| Event::Done { parts: Vec::new() })
}

/// Refuses to make a repository anew where there was one: its disk may only be missing.
///
/// # Errors
/// When there are notes of backups in it.
pub(super) fn check_new(place: &Place, address: &str) -> anyhow::Result<()> {
    match read(place)?.iter().find(|note| is_of(note, address)) {
        None => Ok(()),
        Some(note) => {
            Err(crate::agent::failure::Failure::new(format!("the repository {address} is not there any more; `{}` was in it", note.id))
                .hint("mount its disk, or let `backup.repository` name where it is now")
                .hint("where it is gone for good, remove the `.json` files that name it from the directory of backups")
                .into())
        }
    }
}

fn is_of(note: &Manifest, address: &str) -> bool {
    note.repository.as_ref().is_some_and(|snapshot| snapshot.address == address)
}

fn is(note: &Manifest, id: &str) -> bool {
    note.repository.as_ref().is_some_and(|snapshot| snapshot.id == id)
}

fn read(place: &Place) -> anyhow::Result<Vec<Manifest>> {
    let unreadable = || format!("cannot read {}", place.backups.display());
    let mut notes = Vec::new();
    for entry in place.backups.read_dir().with_context(unreadable)? {
        let path = entry.with_context(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let text = std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            notes.extend(Manifest::parse(&text));
        }
    }
    Ok(notes)
}

/// Writes the note of a backup, whole or not at all.
///
/// # Errors
/// When that is not possible.
pub(super) fn write(place: &Place, manifest: &Manifest) -> anyhow::Result<()> {
    let (new, path) = (place.work().join("note"), place.backups.join(format!("{}.json", manifest.id)));
    std::fs::create_dir_all(place.work()).with_context(|| format!("cannot make {}", place.work().display()))?;
    save_manifest(&new, manifest)?;
    place.give(&new)?;
    std::fs::rename(&new, &path).with_context(|| format!("cannot make {}", path.display()))?;
    sync(&place.backups)
}
