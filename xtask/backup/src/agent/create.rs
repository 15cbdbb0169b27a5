//! A backup: the database of one moment first, then the files, so that what a row names is there; one file, which has its name once it was read again.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use anyhow::Context as _;
use backup::{About, Event, Kind, Manifest, Part, SCHEMA, Source};

use super::archive::{MANIFEST, Writer};
use super::database::{Facts, Moment};
use super::failure::Failure;
use super::lifeline;
use super::place::{Place, remove, sync};
use super::psql::Server;
use super::repository::{self, Kept};
use super::talk::{self, Meter};
use super::tree::End;
use super::{redis, verify};

/// How it is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// Nothing is written to the database while files are copied.
    pub(crate) quiesce: bool,
    /// A file that changes while it is read is a failure.
    pub(crate) strict: bool,
}

/// Makes a backup of `parts`.
///
/// # Errors
/// When anything of it cannot be read or written; nothing is left of it then.
pub(crate) fn create(place: &Place, about: About, parts: &[Source], options: Options) -> anyhow::Result<Event> {
    let begun = Instant::now();
    let scratch = place.scratch();
    std::fs::create_dir_all(&scratch).with_context(|| format!("cannot make {}", scratch.display()))?;
    let partial = place.work().join("archive");
    let made = make(&scratch, &partial, place, about, parts, options, begun);
    let manifest = made.and_then(|manifest| publish(place, &partial, manifest));
    // A failure has been told, or will be; what it left is of no use, and is removed by the next run where it cannot be now.
    let _ = remove(&scratch).and_then(|()| remove(&partial));
    Ok(Event::Backup { manifest: Box::new(manifest?) })
}

fn make(
    scratch: &Path,
    partial: &Path,
    place: &Place,
    about: About,
    parts: &[Source],
    options: Options,
    begun: Instant,
) -> anyhow::Result<Manifest> {
    let mut writer = Writer::create(partial)?;
    let mut found: Vec<Part> = Vec::new();
    // A stack that had a repository has no use for it any more.
    repository::forget_dump(place)?;
    let mut captured = capture(place, parts, about.migration_query.as_deref(), options.quiesce, None)?;
    for Source { name, kind } in parts {
        talk::step(format!("storing {name}"));
        let root = if *kind == Kind::Files { &place.set } else { scratch };
        let packed = writer.append(root, &kind.path(name), End::Open, &mut Meter::new(name, None))?;
        for line in &packed.changed {
            talk::warn(format!("{name}: {line}"));
        }
        if options.strict && !packed.changed.is_empty() {
            return Err(Failure::new(format!("files of `{name}` changed while they were read")).detail(packed.changed[0].clone()).into());
        }
        let rows = if *kind == Kind::Postgres { std::mem::take(&mut captured.facts.rows) } else { BTreeMap::new() };
        found.push(Part {
            name: name.clone(),
            kind: *kind,
            bytes: packed.digest.bytes,
            allocated: Some(packed.digest.allocated),
            entries: packed.digest.count,
            digest: packed.digest.finish(),
            listing: None,
            rows,
            changed: packed.changed,
            stored: Some(packed.stored),
        });
    }
    let mut manifest = captured.manifest(about, found, options.quiesce, begun);
    captured.release()?;
    save_manifest(&scratch.join(MANIFEST), &manifest)?;
    manifest.archive = Some(writer.finish(scratch)?);
    talk::step("reading it again");
    verify::compare(partial, Some(&manifest))?;
    manifest.seconds = begun.elapsed().as_secs_f64();
    Ok(manifest)
}

/// What was dumped, and what is still held for it.
pub(crate) struct Captured {
    moment: Option<Moment>,
    /// What is known of the database.
    pub(crate) facts: Facts,
    /// The digest of its dump, where that is an earlier one.
    pub(crate) known: Option<String>,
}

impl Captured {
    /// What there is to say of a backup of this and of `parts`, before it is known where it is.
    pub(crate) fn manifest(&mut self, about: About, parts: Vec<Part>, quiesced: bool, begun: Instant) -> Manifest {
        let About { id, created_at, project, environment, revision, images, .. } = about;
        Manifest {
            schema: SCHEMA,
            id,
            created_at,
            project,
            environment,
            revision,
            images,
            postgres: self.facts.version.take(),
            migration: self.facts.migration.take(),
            quiesced,
            seconds: begun.elapsed().as_secs_f64(),
            parts,
            archive: None,
            repository: None,
        }
    }

    /// Lets go of the database.
    ///
    /// # Errors
    /// When the connection was lost before: what was copied since then is of another moment.
    pub(crate) fn release(self) -> anyhow::Result<()> {
        self.moment.map_or(Ok(()), Moment::release)
    }
}

/// Dumps the databases of `parts`; a dump that was `kept` and fits takes the place of a new one. With `quiesce` nobody writes to that of
/// PostgreSQL from then on.
///
/// # Errors
/// When one of them does not answer, or there is no room.
pub(crate) fn capture(
    place: &Place,
    parts: &[Source],
    migration_query: Option<&str>,
    quiesce: bool,
    kept: Option<&Kept>,
) -> anyhow::Result<Captured> {
    let mut captured = Captured { moment: None, facts: Facts::default(), known: None };
    let dump = |part: &Source| {
        talk::step(format!("dumping {}", part.name));
        let directory = place.scratch().join(&part.name);
        std::fs::create_dir(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
        // It may stay there for whoever owns the backups.
        place.give(&directory)?;
        anyhow::Ok(directory)
    };
    if let Some(part) = parts.iter().find(|part| part.kind == Kind::Postgres) {
        let server = Server::from_environment()?;
        let mut kept = kept.filter(|kept| kept.fits());
        if quiesce || kept.is_none() {
            captured.moment = Some(server.attended(|| Moment::hold(&server, quiesce, migration_query))?);
            // Until then somebody may have written.
            kept = match kept {
                Some(kept) if kept.still_fits(&server, migration_query)? => Some(kept),
                _ => None,
            };
        }
        if let Some(kept) = kept {
            talk::step(format!("nothing was written to {} since it was dumped", part.name));
            (captured.facts, captured.known) = kept.take(&place.scratch().join(&part.name))?;
        } else if let Some(moment) = &mut captured.moment {
            let directory = dump(part)?;
            server.attended(|| moment.dump(&server, &directory))?;
            captured.facts = moment.facts.clone();
        }
        if !quiesce {
            // Nobody's rows are kept for us any longer.
            captured.moment.take().map_or(Ok(()), Moment::release)?;
        }
    }
    for part in parts.iter().filter(|part| part.kind == Kind::Redis) {
        redis::dump(&dump(part)?)?;
    }
    Ok(captured)
}

/// Writes `manifest` to the file `path`.
///
/// # Errors
/// When that is not possible.
pub(crate) fn save_manifest(path: &Path, manifest: &Manifest) -> anyhow::Result<()> {
    let text = [serde_json::to_vec_pretty(manifest)?, b"\n".to_vec()].concat();
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    sync(path)
}

/// Gives the backup its name. What says of it beside it comes last: without that it is in no list.
fn publish(place: &Place, partial: &Path, manifest: Manifest) -> anyhow::Result<Manifest> {
    lifeline::hold()?;
    let name = |extension: &str| place.backups.join(format!("{}.{extension}", manifest.id));
    let (archive, list) = (name("tar.zst"), name("json"));
    let work = place.work().join("manifest");
    save_manifest(&work, &manifest)?;
    for (from, to) in [(partial, &archive), (work.as_path(), &list)] {
        place.give(from)?;
        std::fs::rename(from, to).with_context(|| format!("cannot make {}", to.display()))?;
        sync(&place.backups)?;
    }
    Ok(manifest)
}
