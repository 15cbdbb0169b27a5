//! Data comes back: everything is put beside what is in use and compared with what it should be, and only then takes its place, in one step that the
//! next run finishes if this one cannot.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use backup::{BEFORE_RESTORE, Event, Journal, Kind, Location, Manifest, Part, Phase, Source};

use super::database;
use super::failure::{Failure, unchanged};
use super::lifeline::{self, Job};
use super::origin::Origin;
use super::place::{Place, remove};
use super::psql::Server;
use super::swap::{Root, Volume};
use super::talk;
use super::{journal, redis, repository, savepoint};

/// Brings `parts` of a backup back; what is in use becomes the save point [`BEFORE_RESTORE`], of which older `others` go.
///
/// # Errors
/// When the backup is damaged, newer than the code, or does not fit; nothing was changed then.
pub(crate) fn restore(
    place: &Place,
    backup: &Location,
    (parts, others): (&[Source], &[Source]),
    newest_migration: Option<&str>,
    devices: bool,
) -> anyhow::Result<Event> {
    // It is not that of the database any more, and takes room.
    repository::forget_dump(place).map_err(unchanged)?;
    let origin = Origin::open(place, backup, devices).map_err(unchanged)?;
    check(origin.manifest(), parts, newest_migration).and_then(|()| room(place, &origin, parts)).map_err(unchanged)?;
    let restored = replace(place, (parts, others), BEFORE_RESTORE, |source| stage(place, &origin, source))?;
    Ok(Event::Done { parts: restored })
}

/// Stages each of `parts` with `stage`, and lets them take the place of what is there, which becomes the save point `kept`. What an older one of that
/// name has of `others` goes: one save point is of one moment.
///
/// # Errors
/// Whatever `stage` fails at: nothing was changed then, and nothing is left of it.
pub(crate) fn replace<T: Send>(
    place: &Place,
    (parts, others): (&[Source], &[Source]),
    kept: &str,
    stage: impl Fn(&Source) -> anyhow::Result<T> + Sync,
) -> anyhow::Result<Vec<T>> {
    let mut record = Journal { parts: parts.to_vec(), others: others.to_vec(), kept: kept.to_owned(), phase: Phase::Staging };
    journal::write(&record, place)?;
    let staged = stage_all(parts, stage).and_then(|staged| {
        talk::step("putting it into place");
        lifeline::hold()?;
        record.phase = Phase::Commit;
        journal::write(&record, place)?;
        Ok(staged)
    });
    // What is left there is empty, or nobody's any more; the next run removes what cannot be removed now.
    let _ = remove(&place.scratch());
    match staged {
        Ok(staged) => {
            commit(place, &record)?;
            Ok(staged)
        }
        Err(error) => {
            // What cannot be removed now is removed by the next run: the journal stays until then.
            let _ = undo(place, &record);
            Err(unchanged(error))
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
        journal.parts.iter().chain(&journal.others).all(known),
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
fn room(place: &Place, origin: &Origin<'_>, parts: &[Source]) -> anyhow::Result<()> {
    let mut taken: BTreeMap<u64, u64> = BTreeMap::new();
    for part in origin.manifest().parts.iter().filter(|part| parts.iter().any(|source| source.name == part.name)) {
        let needed = origin.room(part);
        // Databases are unpacked beside the backups first.
        let scratch = (part.kind != Kind::Files).then(|| place.backups.clone());
        for root in scratch.into_iter().chain([place.volume(&part.name)]) {
            let unseen = || format!("cannot look at {}", root.display());
            let found = rustix::fs::statvfs(&root).with_context(unseen)?;
            // What several parts are put on has to have room for all of them.
            let taken = taken.entry(root.metadata().with_context(unseen)?.dev()).or_default();
            let free = (found.f_bavail * found.f_frsize).saturating_sub(*taken);
            if free < needed {
                let text = format!("there is no room for `{}`: it has {needed} bytes, {free} are free at {}", part.name, root.display());
                return Err(Failure::new(text)
                    .detail("it is put beside what is there, and takes its place once it is whole")
                    .hint("make room there, or bring back less with `--only`")
                    .into());
            }
            *taken += needed;
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
            let rows = server.attended(|| database::restore(&server, place, &directory))?;
            check_rows(&source.name, &rows, &part.rows)?;
            remove(&directory)?;
        }
        Kind::Redis => {
            let directory = scratch(place, &source.name)?;
            origin.extract(part, &directory)?;
            let dump = directory.join(redis::DUMP);
            redis::check(&dump)?;
            stage_redis(place, &source.name, &dump)?;
            remove(&directory)?;
        }
    }
    Ok(part.clone())
}

/// Whether a restored database has the rows that it should have.
fn check_rows(name: &str, found: &BTreeMap<String, u64>, wanted: &BTreeMap<String, u64>) -> Result<(), Failure> {
    let number = |rows: &BTreeMap<String, u64>, table: &String| rows.get(table).map_or_else(|| "no table".to_owned(), u64::to_string);
    let other = found.keys().chain(wanted.keys()).find(|table| found.get(*table) != wanted.get(*table));
    other.map_or(Ok(()), |table| {
        Err(Failure::new(format!("the restored `{name}` has other rows than the backup says"))
            .detail(format!("{table}: {} here, {} in the backup", number(found, table), number(wanted, table)))
            .hint("`cargo xtask backup verify --all` tells which backups are whole"))
    })
}

/// Puts a snapshot of Redis beside what is there.
fn stage_redis(place: &Place, name: &str, dump: &Path) -> anyhow::Result<()> {
    let volume = Volume::at(place.volume(name));
    let new = volume.stage()?;
    redis::stage(dump, &new, &place.volume(name))?;
    volume.seal(Root::of(&place.volume(name))?)
}

fn scratch(place: &Place, name: &str) -> anyhow::Result<PathBuf> {
    let directory = place.scratch().join(name);
    std::fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
    Ok(directory)
}

/// Removes what was staged.
fn undo(place: &Place, journal: &Journal) -> anyhow::Result<()> {
    for part in &journal.parts {
        match part.kind {
            Kind::Postgres => database::discard(&Server::from_environment()?, place)?,
            Kind::Files | Kind::Redis => Volume::at(place.volume(&part.name)).discard()?,
        }
    }
    remove(&place.scratch())?;
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
        Some(_) => database::swap(&Server::from_environment()?, place, &journal.kept, files)?,
        None => files()?,
    }
    savepoint::forget_parts(place, &journal.kept, &journal.others)?;
    savepoint::note(place, &journal.kept, &journal.parts)?;
    journal::close(place)?;
    restarted
}
