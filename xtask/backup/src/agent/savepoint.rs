//! Save points: copies beside what is in use, in the same server and the same volumes, so that making one and going back are as fast as can be. They are
//! no backups: what destroys the volume destroys them.

use anyhow::{Context as _, ensure};
use backup::{BEFORE_LOAD, Event, Kind, SCHEMA, Savepoint, Source, time};

use super::database;
use super::failure::Failure;
use super::place::{Place, remove, sync};
use super::psql::Server;
use super::restore::replace;
use super::swap::Volume;
use super::{redis, talk};

/// Makes the save point `name` of `parts`, in the place of an older one.
///
/// # Errors
/// When something cannot be copied; there is no such save point then.
pub(crate) fn save(place: &Place, name: &str, parts: &[Source]) -> anyhow::Result<Event> {
    forget(place, name, parts)?;
    let saved = parts.iter().try_for_each(|part| {
        talk::step(format!("saving {}", part.name));
        let volume = Volume::at(place.volume(&part.name));
        match part.kind {
            Kind::Postgres => {
                let server = Server::from_environment()?;
                server.attended(|| database::save(&server, name))
            }
            Kind::Files => volume.save(name),
            Kind::Redis => {
                let directory = place.scratch();
                std::fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
                redis::dump(&directory)?;
                volume.make(&volume.savepoint(name))?;
                redis::stage(&directory.join(redis::DUMP), &volume.savepoint(name), &place.volume(&part.name))
            }
        }
    });
    let saved = saved.and_then(|()| note(place, name, parts));
    remove(&place.scratch())?;
    if saved.is_err() {
        // The reason is told; what is left is removed by the next one of this name.
        let _ = forget(place, name, parts);
    }
    saved.map(|()| Event::Done { parts: Vec::new() })
}

/// Goes back to the save point `name`; what is in use becomes the save point [`BEFORE_LOAD`], of which older `others` go.
///
/// # Errors
/// When there is none, or it does not have all of `parts`.
pub(crate) fn load(place: &Place, name: &str, (parts, others): (&[Source], &[Source])) -> anyhow::Result<Event> {
    for part in parts {
        let there = match part.kind {
            Kind::Postgres => database::has_savepoint(&Server::from_environment()?, name)?,
            Kind::Files | Kind::Redis => Volume::at(place.volume(&part.name)).savepoint(name).exists(),
        };
        ensure!(
            there,
            Failure::new(format!("the save point `{name}` has no `{}`", part.name))
                .detail("nothing was changed")
                .hint("`cargo xtask snapshot list` shows what there is")
        );
    }
    replace(place, (parts, others), BEFORE_LOAD, |part| {
        talk::step(format!("loading {}", part.name));
        match part.kind {
            Kind::Postgres => {
                let server = Server::from_environment()?;
                server.attended(|| database::copy_savepoint(&server, place, name, BEFORE_LOAD))
            }
            Kind::Files | Kind::Redis => Volume::at(place.volume(&part.name)).stage_savepoint(name),
        }
    })?;
    Ok(Event::Done { parts: Vec::new() })
}

/// Removes the save points `names` of `parts`.
///
/// # Errors
/// When one cannot be removed.
pub(crate) fn remove_all(place: &Place, names: &[String], parts: &[Source]) -> anyhow::Result<Event> {
    names.iter().try_for_each(|name| forget(place, name, parts))?;
    Ok(Event::Done { parts: Vec::new() })
}

/// Removes the save point `name` from wherever it is.
///
/// # Errors
/// When that is not possible.
pub(crate) fn forget(place: &Place, name: &str, parts: &[Source]) -> anyhow::Result<()> {
    // What says that it is there goes first.
    remove(&note_path(place, name))?;
    forget_parts(place, name, parts)
}

/// Removes `parts` of the save point `name`.
///
/// # Errors
/// When that is not possible.
pub(crate) fn forget_parts(place: &Place, name: &str, parts: &[Source]) -> anyhow::Result<()> {
    for part in parts {
        match part.kind {
            Kind::Postgres => database::forget(&Server::from_environment()?, name)?,
            Kind::Files | Kind::Redis => Volume::at(place.volume(&part.name)).forget(name)?,
        }
    }
    Ok(())
}

fn note_path(place: &Place, name: &str) -> std::path::PathBuf {
    place.backups.join("snapshots").join(format!("{name}.json"))
}

/// Says that the save point `name` is there and whole.
///
/// # Errors
/// When that cannot be written.
pub(crate) fn note(place: &Place, name: &str, parts: &[Source]) -> anyhow::Result<()> {
    let path = note_path(place, name);
    let directory = place.backups.join("snapshots");
    let unwritable = || format!("cannot write {}", path.display());
    std::fs::create_dir_all(&directory).with_context(unwritable)?;
    place.give(&directory)?;
    let created_at = time::rfc3339(time::now());
    let parts = parts.iter().map(|part| part.name.clone()).collect();
    let text = serde_json::to_vec_pretty(&Savepoint { schema: SCHEMA, name: name.to_owned(), created_at, parts })?;
    std::fs::write(&path, text).with_context(unwritable)?;
    place.give(&path)?;
    sync(&path)
}
