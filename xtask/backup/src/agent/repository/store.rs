//! A backup in a repository: what was captured, the volumes and the manifest go into one snapshot, which is there as a whole or not at all.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use backup::{About, Event, Kind, Manifest, Part, Repository, Snapshot, Source};

use super::kept::Kept;
use super::listing::Listing;
use super::notes;
use super::restic::Restic;
use super::said::{self, Line, Summary};
use super::snapshot::{look, root};
use crate::agent::archive::MANIFEST;
use crate::agent::create::{Captured, Options, capture, save_manifest};
use crate::agent::failure::Failure;
use crate::agent::lifeline;
use crate::agent::place::{OWN, Place, remove};
use crate::agent::psql::Server;
use crate::agent::{talk, tree};

/// Names of files that changed meanwhile, at most.
const MOST: usize = 1000;

/// Makes a backup of `parts` in `repository`, which is made first where there is none.
///
/// # Errors
/// When anything of it cannot be read or written; there is no new snapshot then.
pub(crate) fn create(place: &Place, about: About, parts: &[Source], options: Options, repository: &Repository) -> anyhow::Result<Event> {
    let begun = Instant::now();
    let restic = Restic::at(place, repository)?;
    let scratch = place.scratch();
    std::fs::create_dir_all(&scratch).with_context(|| format!("cannot make {}", scratch.display()))?;
    let made = Store { restic: &restic, scratch: &scratch, options }.make(about, parts, begun);
    // A failure has been told, or will be; what it left is removed by the next run where it cannot be now.
    let _ = remove(&scratch);
    restic.give();
    Ok(Event::Backup { manifest: Box::new(made?) })
}

struct Store<'a> {
    restic: &'a Restic<'a>,
    scratch: &'a Path,
    options: Options,
}

impl Store<'_> {
    fn make(&self, about: About, parts: &[Source], begun: Instant) -> anyhow::Result<Manifest> {
        let query = about.migration_query.clone();
        let database = parts.iter().find(|part| part.kind == Kind::Postgres);
        let find = |part: &Source| Kept::find(self.restic.place, &part.name, &Server::from_environment()?, query.as_deref());
        let kept = database.map(find).transpose()?;
        let mut captured = self.capture(parts, query.as_deref(), kept.as_ref())?;
        let mut found = Vec::new();
        let mut before = Vec::new();
        for source in parts {
            let (part, listing) = self.look(source, &mut captured)?;
            found.push(part);
            before.push(listing);
        }
        let mut manifest = captured.manifest(about, found, self.options.quiesce, begun);
        save_manifest(&self.scratch.join(MANIFEST), &manifest)?;
        let (summary, unreadable) = self.store(&manifest)?;
        let finished = captured.release().and_then(|()| self.compare(&mut manifest, &summary, &before, &unreadable));
        let snapshot = Snapshot { address: self.restic.address.to_owned(), id: summary.id, added: summary.added };
        let finished = finished.and_then(|()| Ok(lifeline::hold()?));
        if let Err(error) = finished {
            // Where nobody waits any more, it stays without a note: it is whole.
            let _ = self.restic.read(&["forget", &snapshot.id]);
            return Err(error);
        }
        manifest.repository = Some(snapshot);
        manifest.seconds = begun.elapsed().as_secs_f64();
        notes::write(self.restic.place, &manifest)?;
        if let (Some(kept), Some(part)) = (kept, database.and_then(|part| manifest.part(&part.name))) {
            // The backup is made: one that cannot be kept is made again the next time.
            let _ = kept.keep(self.restic.place, &self.scratch.join(&part.name), &manifest, part);
        }
        Ok(manifest)
    }

    /// Dumps the databases, where none fits that was `kept`. Meanwhile the repository is opened, or made where there is none, which takes restic seconds.
    fn capture(&self, parts: &[Source], migration_query: Option<&str>, kept: Option<&Kept>) -> anyhow::Result<Captured> {
        let mut captured = None;
        lifeline::together(vec![
            Box::new(|| {
                captured = Some(capture(self.restic.place, parts, migration_query, self.options.quiesce, kept)?);
                Ok(())
            }),
            Box::new(|| {
                // There is nothing to wait for then, and restic opens it for the backup in any case.
                let soon = kept.is_some_and(Kept::fits);
                if soon && self.restic.is_at_rest() || self.restic.find()? {
                    return Ok(());
                }
                notes::check_new(self.restic.place, self.restic.address)?;
                // Half of it would be in the way of the next try.
                lifeline::undisturbed(|| self.restic.init())
            }),
        ])?;
        captured.context("the databases were dumped")
    }

    /// What a part is before it is stored.
    fn look(&self, source: &Source, captured: &mut Captured) -> anyhow::Result<(Part, Listing)> {
        let Source { name, kind } = source;
        let directory = if *kind == Kind::Files { self.restic.place.volume(name) } else { self.scratch.join(name) };
        let known = captured.known.take_if(|_| *kind == Kind::Postgres);
        let tree = if known.is_some() { tree::look(&directory)? } else { look(*kind, &directory, name)? };
        let listing = Listing::walked(&tree);
        let rows = if *kind == Kind::Postgres { std::mem::take(&mut captured.facts.rows) } else { BTreeMap::new() };
        let part = Part {
            name: name.clone(),
            kind: *kind,
            bytes: tree.bytes,
            allocated: Some(tree.allocated),
            entries: tree.count,
            digest: known.unwrap_or_else(|| tree.finish()),
            listing: Some(listing.digest()),
            rows,
            changed: Vec::new(),
            stored: None,
        };
        Ok((part, listing))
    }

    /// Stores all of it; says what the snapshot is, and which files could not be read.
    fn store(&self, manifest: &Manifest) -> anyhow::Result<(Summary, Vec<String>)> {
        talk::step(format!("storing in {}", self.restic.address));
        let volumes = self.restic.place.set.join("volumes");
        let (scratch, exclude) = (self.scratch.display().to_string(), format!("--exclude={}/*/{OWN}", volumes.display()));
        let (host, tag, volumes) =
            (format!("--host={}", manifest.project), format!("--tag={}", manifest.id), volumes.display().to_string());
        let mut summary = None;
        let ended = self.restic.lines(&["backup", &host, &tag, &exclude, &scratch, &volumes], |line| {
            match said::line(line, "repository") {
                Line::Progress(event) => talk::say(&event),
                Line::Summary(new) => summary = Some(new),
                Line::Other => {}
            }
            Ok(())
        })?;
        match (ended.code, summary) {
            (Some(0), Some(summary)) => Ok((summary, Vec::new())),
            (Some(said::UNREADABLE), Some(summary)) => Ok((summary, said::unreadable(&ended.said))),
            _ => Err(said::failure(&ended, self.restic.address).into()),
        }
    }

    /// Whether the snapshot has what was there when it was begun, and what is there now; what does not is named.
    fn compare(&self, manifest: &mut Manifest, summary: &Summary, before: &[Listing], unreadable: &[String]) -> anyhow::Result<()> {
        talk::step("comparing");
        let mut meanwhile = Vec::new();
        for (part, before) in manifest.parts.iter().zip(before) {
            let now = (part.kind == Kind::Files).then(|| look(part.kind, &self.restic.place.volume(&part.name), &part.name)).transpose()?;
            meanwhile.push(now.map_or_else(Vec::new, |now| Listing::walked(&now).differences(before)));
        }
        // Where nothing was changed while restic read it, and it read all of it, there is nothing to name.
        let note = self.scratch.join(MANIFEST).metadata().context("the manifest was written")?.len();
        let (files, bytes) = before.iter().map(Listing::files).fold((1, note), |sum, files| (sum.0 + files.0, sum.1 + files.1));
        if unreadable.is_empty() && meanwhile.iter().all(Vec::is_empty) && (files, bytes) == (summary.files, summary.bytes) {
            return Ok(());
        }
        let nodes = self.restic.nodes(&summary.id)?;
        for ((part, before), mut changed) in manifest.parts.iter_mut().zip(before).zip(meanwhile) {
            let root = root(self.restic.place, part);
            changed.extend(before.differences(&Listing::of(&nodes, &root)?));
            changed.sort_unstable();
            changed.dedup();
            changed.extend(unreadable.iter().filter(|line| line.starts_with(&format!("{root}/"))).cloned());
            changed.truncate(MOST);
            let Some(first) = changed.first() else { continue };
            ensure!(part.kind == Kind::Files, Failure::new(format!("the snapshot does not have `{}` as it was dumped", part.name)));
            if self.options.strict {
                return Err(Failure::new(format!("files of `{}` changed while they were read", part.name)).detail(first.clone()).into());
            }
            for name in &changed {
                talk::warn(format!("{}: `{name}` changed meanwhile", part.name));
            }
            part.changed = changed;
        }
        Ok(())
    }
}
