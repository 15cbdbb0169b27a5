//! Data comes back: everything is put beside what is in use and compared with what it should be, and only then takes its place, in one step that the
//! next run finishes if this one cannot.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use backup::{Event, Journal, Kind, Location, Manifest, Part, Phase, Source};

use super::database::{self, Staged};
use super::failure::Failure;
use super::lifeline::{self, Job};
use super::origin::Origin;
use super::place::{Place, remove};
use super::psql::Server;
use super::swap::{Root, Volume};
use super::talk;
use super::{journal, redis, savepoint};

/// The save point that what is in use becomes.
const KEPT: &str = "before-restore";

/// Brings `parts` of a backup back.
///
/// # Errors
/// When the backup is damaged, newer than the code, or does not fit; nothing was changed then.
pub(crate) fn restore(place: &Place, backup: &Location, parts: &[Source], newest_migration: Option<&str>) -> anyhow::Result<Event> {
    let origin = Origin::open(place, backup)?;
    check(origin.manifest(), parts, newest_migration)?;
    room(place, origin.manifest(), parts)?;
    let restored = replace(place, parts, KEPT, |source| stage(place, &origin, source))?;
    Ok(Event::Done { parts: restored })
}

/// Stages each of `parts` with `stage`, and lets them take the place of what is there, which becomes the save point `kept`.
///
/// # Errors
/// Whatever `stage` fails at: nothing was changed then, and nothing is left of it.
pub(crate) fn replace<T: Send>(
    place: &Place,
    parts: &[Source],
    kept: &str,
    stage: impl Fn(&Source) -> anyhow::Result<T> + Sync,
) -> anyhow::Result<Vec<T>> {
    let mut record = Journal { parts: parts.to_vec(), kept: kept.to_owned(), phase: Phase::Staging };
    journal::write(&record, place)?;
    let staged = stage_all(parts, stage).and_then(|staged| {
        savepoint::forget(place, kept, parts)?;
        talk::step("putting it into place");
        lifeline::hold()?;
        record.phase = Phase::Commit;
        journal::write(&record, place)?;
        Ok(staged)
    });
    // What is left there is empty, or nobody's any more; the next run removes what cannot be removed now.
    let _ = remove(&place.work().join("set"));
    match staged {
        Ok(staged) => {
            commit(place, &record)?;
            Ok(staged)
        }
        Err(error) => {
            // What cannot be removed now is removed by the next run: the journal stays until then.
            let _ = undo(place, &record);
            Err(error)
        }
    }
}

/// Stages all parts at the same time: some wait for the disk, others for the server.
fn stage_all<T: Send>(parts: &[Source], stage: impl Fn(&Source) -> anyhow::Result<T> + Sync) -> anyhow::Result<Vec<T>> {
    let mut staged: Vec<Option<T>> = parts.iter().map(|_| None).collect();
    let stage = &stage;
    let job = |(part, staged): (_, &mut Option<T>)| {
        *staged = Some(stage(part)?);
        Ok(())
    };
    let jobs = parts.iter().zip(&mut staged).map(|pair| Box::new(move || job(pair)) as Job<'_>);
    lifeline::together(jobs.collect())?;
    Ok(staged.into_iter().flatten().collect())
}

/// Finishes or undoes what an interrupted run left, and clears the directory to work in. Save points of `parts` stay as they are.
///
/// # Errors
/// When that is not possible.
pub(crate) fn recover(place: &Place, parts: &[Source]) -> anyhow::Result<()> {
    place.tidy()?;
    let Some(journal) = journal::read(place)? else { return Ok(()) };
    let known = |part: &Source| parts.iter().any(|other| other == part);
    ensure!(
        journal.parts.iter().all(known),
        Failure::new("a restore was interrupted, and the stack does not have all that it was of any more")
            .hint("bring back what was removed from `x-backup` in the compose files, and run the same command again")
    );
    match journal.phase {
        Phase::Staging => {
            talk::warn("a restore was interrupted before it changed anything; what it left is removed");
            undo(place, &journal)
        }
        Phase::Commit => {
            talk::warn("a restore was interrupted; it is finished now");
            lifeline::hold()?;
            commit(place, &journal)
        }
    }
}

/// Whether the backup is one that the stack can take.
fn check(manifest: &Manifest, parts: &[Source], newest: Option<&str>) -> anyhow::Result<()> {
    for source in parts {
        let part = manifest.part(&source.name).ok_or_else(|| {
            let names: Vec<&str> = manifest.parts.iter().map(|part| part.name.as_str()).collect();
            Failure::new(format!("the backup has no part `{}`", source.name)).hint(format!("it has: {}", names.join(", ")))
        })?;
        ensure!(part.kind == source.kind, Failure::new(format!("`{}` was something else when the backup was made", source.name)));
    }
    if !parts.iter().any(|part| part.kind == Kind::Postgres) {
        return Ok(());
    }
    if let (Some(migration), Some(newest)) = (&manifest.migration, newest)
        && order(migration) > order(newest)
    {
        return Err(Failure::new(format!("the backup has the migration {migration}; the newest one here is {newest}"))
            .hint(match &manifest.revision {
                Some(revision) => format!("check out the version that made it, {revision}, or a newer one"),
                None => "check out the version that made it, or a newer one".to_owned(),
            })
            .into());
    }
    let server = Server::from_environment()?.maintenance()?.value("SHOW server_version")?;
    let major = |version: &Option<String>| version.as_ref()?.split('.').next()?.parse::<u32>().ok();
    if let (Some(made), Some(here)) = (major(&manifest.postgres), major(&server))
        && made > here
    {
        return Err(Failure::new(format!("the backup is of PostgreSQL {made}, and an older one runs here: {here}"))
            .hint("run PostgreSQL of that version or a newer one")
            .into());
    }
    Ok(())
}

/// Migrations are ordered by the number that their names begin with.
fn order(migration: &str) -> (usize, &str) {
    let digits = migration.trim_start_matches('0');
    (digits.len(), digits)
}

/// Whether there is room for everything beside what is there. A server that fills its disk ends for all who use it.
fn room(place: &Place, manifest: &Manifest, parts: &[Source]) -> anyhow::Result<()> {
    for part in manifest.parts.iter().filter(|part| parts.iter().any(|source| source.name == part.name)) {
        // Databases are unpacked beside the backups first.
        let scratch = (part.kind != Kind::Files).then(|| place.backups.clone());
        for root in scratch.into_iter().chain([place.volume(&part.name)]) {
            let found = rustix::fs::statvfs(&root).with_context(|| format!("cannot look at {}", root.display()))?;
            let free = found.f_bavail * found.f_frsize;
            let needed = part.allocated.unwrap_or(part.bytes);
            if free < needed {
                let text = format!("there is no room for `{}`: it has {needed} bytes, {free} are free at {}", part.name, root.display());
                return Err(Failure::new(text)
                    .detail("it is put beside what is there, and takes its place once it is whole")
                    .hint("make room there, or bring back less with `--only`")
                    .into());
            }
        }
    }
    Ok(())
}

fn stage(place: &Place, origin: &Origin<'_>, source: &Source) -> anyhow::Result<Part> {
    let part = origin.manifest().part(&source.name).context("a part that was there")?;
    talk::step(format!("restoring {}", source.name));
    match source.kind {
        Kind::Files => {
            let volume = Volume::at(place.volume(&source.name));
            let new = volume.stage()?;
            volume.seal(origin.extract(part, &new)?)?;
        }
        Kind::Postgres => {
            let directory = scratch(place, &source.name)?;
            origin.extract(part, &directory)?;
            let server = Server::from_environment()?;
            let rows = Staged::restore(&server, &directory)?;
            ensure!(rows == part.rows, Failure::new(format!("the restored `{}` has other rows than the backup says", source.name)));
            remove(&directory)?;
        }
        Kind::Redis => {
            let directory = scratch(place, &source.name)?;
            origin.extract(part, &directory)?;
            stage_redis(place, &source.name, &directory.join(redis::DUMP))?;
            remove(&directory)?;
        }
    }
    Ok(part.clone())
}

/// Puts a snapshot of Redis beside what is there.
fn stage_redis(place: &Place, name: &str, dump: &Path) -> anyhow::Result<()> {
    let volume = Volume::at(place.volume(name));
    let new = volume.stage()?;
    redis::stage(dump, &new, &place.volume(name))?;
    volume.seal(Root::of(&place.volume(name))?)
}

fn scratch(place: &Place, name: &str) -> anyhow::Result<PathBuf> {
    let directory = place.work().join("set").join(name);
    std::fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    Ok(directory)
}

/// Removes what was staged.
fn undo(place: &Place, journal: &Journal) -> anyhow::Result<()> {
    for part in &journal.parts {
        match part.kind {
            Kind::Postgres => Staged::discard(&Server::from_environment()?)?,
            Kind::Files | Kind::Redis => Volume::at(place.volume(&part.name)).discard()?,
        }
    }
    remove(&place.work().join("set"))?;
    journal::close(place)
}

/// Lets all that is staged take its place. Done again after an interruption, it goes on where it was.
fn commit(place: &Place, journal: &Journal) -> anyhow::Result<()> {
    let of = |kind| journal.parts.iter().filter(move |part| part.kind == kind);
    let swap = |part: &Source| Volume::at(place.volume(&part.name)).swap(&journal.kept);
    let mut restarted = Ok(());
    let mut files = || {
        of(Kind::Redis).try_for_each(|_| redis::quiet())?;
        of(Kind::Files).chain(of(Kind::Redis)).try_for_each(swap)?;
        // Whatever becomes of the server: its new data is in place, and the rest belongs to it.
        restarted = of(Kind::Redis).try_for_each(|part| redis::restart(&part.name));
        Ok(())
    };
    match of(Kind::Postgres).next() {
        Some(_) => database::swap(&Server::from_environment()?, &journal.kept, files)?,
        None => files()?,
    }
    savepoint::note(place, &journal.kept, &journal.parts)?;
    journal::close(place)?;
    restarted
}
