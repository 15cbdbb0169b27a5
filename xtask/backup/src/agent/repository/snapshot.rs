//! A snapshot that is read: what it says of itself, whether its repository is whole, and parts of it as they were.

use std::path::Path;

use anyhow::{Context as _, ensure};
use backup::{Event, Kind, Manifest, Part, Repository};

use super::listing::{Listing, Node};
use super::restic::Restic;
use super::said;
use crate::agent::archive::{MANIFEST, check_version};
use crate::agent::failure::Failure;
use crate::agent::lifeline::{self, Gone};
use crate::agent::place::{Place, remove};
use crate::agent::swap::Root;
use crate::agent::talk::{self, Meter};
use crate::agent::tree;

/// A snapshot of which the manifest was read.
pub(crate) struct Opened<'a> {
    restic: Restic<'a>,
    id: &'a str,
    nodes: Vec<Node>,
    /// What it says of itself.
    pub(crate) manifest: Manifest,
}

impl<'a> Opened<'a> {
    /// Opens the snapshot `id`.
    ///
    /// # Errors
    /// When the repository does not answer or does not have it.
    pub(crate) fn open(place: &'a Place, repository: &'a Repository, id: &'a str) -> anyhow::Result<Self> {
        Self::read(Restic::at(place, repository)?, id)
    }

    fn read(restic: Restic<'a>, id: &'a str) -> anyhow::Result<Self> {
        // Each of them spends half a second on the key.
        let (mut manifest, mut nodes) = (None, Vec::new());
        lifeline::together(vec![
            Box::new(|| {
                manifest = Some(restic.manifest(id)?);
                Ok(())
            }),
            Box::new(|| {
                nodes = restic.nodes(id)?;
                Ok(())
            }),
        ])?;
        Ok(Self { restic, id, nodes, manifest: manifest.context("the manifest was read")? })
    }

    /// Restores a part into `directory`, and compares it with what the snapshot lists; says how its root was, and what there is.
    ///
    /// # Errors
    /// When data is missing, or the file system here does not keep what restic gives it.
    pub(crate) fn extract(&self, part: &Part, directory: &Path) -> anyhow::Result<(Root, tree::Digest)> {
        let path = root(self.restic.place, part);
        let node = self.nodes.iter().find(|node| node.is(&path));
        let node = node.ok_or_else(|| Failure::new(format!("the part `{}` is not in the snapshot", part.name)))?;
        let own = Root { mode: node.permissions(), uid: node.uid, gid: node.gid };
        let source = format!("{}:{path}", self.id);
        let mut arguments = vec!["restore", &source, "--sparse"];
        // Attributes that belong to the machine and not to the file are left where they were, as tar does.
        for pattern in ["user.*", "security.capability", "system.posix_acl_access", "system.posix_acl_default"] {
            arguments.extend(["--include-xattr", pattern]);
        }
        let target = format!("--target={}", directory.to_str().context("a directory of ours is Unicode")?);
        arguments.push(&target);
        let ended = self.restic.lines(&arguments, |line| {
            if let said::Line::Progress(event) = said::line(line, &part.name) {
                talk::say(&event);
            }
            Ok(())
        })?;
        if ended.code != Some(0) {
            let failure = said::failure(&ended, self.restic.address);
            return Err(failure.detail(format!("the part `{}` could not be restored whole", part.name)).into());
        }
        own.give(directory)?;
        Ok((own, self.compare(part, directory)?))
    }

    fn compare(&self, part: &Part, directory: &Path) -> anyhow::Result<tree::Digest> {
        let tree = look(part.kind, directory, &part.name)?;
        let (found, listed) = (Listing::walked(&tree), Listing::of(&self.nodes, &root(self.restic.place, part))?);
        // Where nothing changed while it was stored, also what restic does not list is as it was.
        let unchanged = part.listing.as_ref() == Some(&listed.digest());
        let differences = found.differences(&listed);
        ensure!(
            differences.is_empty() && (!unchanged || tree.finish() == part.digest),
            differences.iter().take(5).map(|name| format!("`{name}`")).fold(
                Failure::new(format!("the files of `{}` are not as they were after they were restored", part.name))
                    .detail("the file system may not keep all attributes, such as owners or extended ones"),
                Failure::detail
            )
        );
        Ok(tree)
    }
}

/// Where a part is in a snapshot.
pub(super) fn root(place: &Place, part: &Part) -> String {
    let path = match part.kind {
        Kind::Files => place.volume(&part.name),
        Kind::Postgres | Kind::Redis => place.scratch().join(&part.name),
    };
    path.display().to_string()
}

/// What tells whether the files of a part are the same: those of dumps are read, those of volumes only looked at.
pub(super) fn look(kind: Kind, directory: &Path, name: &str) -> anyhow::Result<tree::Digest> {
    match kind {
        Kind::Files => tree::look(directory),
        Kind::Postgres | Kind::Redis => tree::walk(directory, &mut Meter::new(name, None)),
    }
}

/// Checks the repository of a snapshot, with `read_data` all that is in it, and the dumps of the snapshot itself.
///
/// # Errors
/// When something is damaged or missing; the message says what.
pub(crate) fn verify(place: &Place, repository: &Repository, id: &str, read_data: bool) -> anyhow::Result<Event> {
    place.tidy()?;
    let restic = Restic::at(place, repository)?;
    talk::step(if read_data { "checking all data of the repository" } else { "checking the repository" });
    let (ended, _) = restic.output(if read_data { &["check", "--read-data"] } else { &["check"] })?;
    if ended.code != Some(0) {
        let failure = said::failure(&ended, restic.address);
        return Err(match ended.code {
            Some(1) => failure
                .told_as(format!("the repository {} is damaged", restic.address))
                .hint("`restic repair` and its documentation say what can be saved"),
            _ => failure,
        }
        .into());
    }
    let opened = Opened::read(restic, id)?;
    for part in &opened.manifest.parts {
        let path = root(place, part);
        ensure!(opened.nodes.iter().any(|node| node.is(&path)), Failure::new(format!("the part `{}` is not in the snapshot", part.name)));
        if part.kind == Kind::Files {
            continue;
        }
        talk::step(format!("checking {}", part.name));
        let directory = place.scratch().join(&part.name);
        std::fs::create_dir_all(&directory).with_context(|| format!("cannot make {}", directory.display()))?;
        let extracted = opened.extract(part, &directory);
        remove(&place.scratch())?;
        extracted.map_err(|error| {
            if error.is::<Gone>() {
                error
            } else {
                Failure::new(format!("the part `{}` is damaged", part.name)).detail(error.to_string()).into()
            }
        })?;
    }
    Ok(Event::Backup { manifest: Box::new(opened.manifest) })
}

impl Restic<'_> {
    /// The manifest in the snapshot `id`.
    ///
    /// # Errors
    /// When there is none that this program understands.
    pub(super) fn manifest(&self, id: &str) -> anyhow::Result<Manifest> {
        let path = self.place.scratch().join(MANIFEST);
        let text = self.read(&["dump", id, path.to_str().context("a path of ours is Unicode")?])?;
        let manifest = Manifest::parse(text.as_bytes()).with_context(|| format!("the manifest of the snapshot {id} is none"))?;
        check_version(&manifest, &manifest.id)?;
        Ok(manifest)
    }

    /// All that the snapshot `id` has.
    ///
    /// # Errors
    /// When the repository does not have it.
    pub(super) fn nodes(&self, id: &str) -> anyhow::Result<Vec<Node>> {
        let mut nodes = Vec::new();
        let ended = self.lines(&["ls", id], |line| {
            nodes.extend(Node::parse(line)?);
            Ok(())
        })?;
        if ended.code == Some(0) { Ok(nodes) } else { Err(said::failure(&ended, self.address).into()) }
    }
}
