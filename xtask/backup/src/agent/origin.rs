//! Where a restore gets its data: the file of a backup, or a snapshot in a repository.

use std::path::Path;

use anyhow::{Context as _, ensure};
use backup::{Kind, Location, Manifest, Part};

use super::archive::{Reader, refused, unpack};
use super::failure::{Failure, explain};
use super::place::Place;
use super::process::Running;
use super::repository::Opened;
use super::swap::Root;
use super::talk::Meter;
use super::tree;

/// A backup that was opened.
pub(crate) struct Origin<'a> {
    from: From<'a>,
    /// Whether device nodes are wanted.
    devices: bool,
}

enum From<'a> {
    /// A file.
    File(Reader),
    /// A snapshot.
    Snapshot(Opened<'a>),
}

impl<'a> Origin<'a> {
    /// Opens a backup.
    ///
    /// # Errors
    /// When it is not there, or is none.
    pub(crate) fn open(place: &'a Place, backup: &'a Location, devices: bool) -> anyhow::Result<Self> {
        let from = match backup {
            Location::File(file) => From::File(Reader::open(&place.backups.join(file))?),
            Location::Snapshot { repository, id } => From::Snapshot(Opened::open(place, repository, id)?),
        };
        Ok(Self { from, devices })
    }

    /// What it says of itself.
    pub(crate) fn manifest(&self) -> &Manifest {
        match &self.from {
            From::File(reader) => &reader.manifest,
            From::Snapshot(opened) => &opened.manifest,
        }
    }

    /// How much room a part may take, in bytes. tar keeps all holes of files, restic only long ones.
    pub(crate) fn room(&self, part: &Part) -> u64 {
        match self.from {
            From::File(_) => part.allocated.unwrap_or(part.bytes),
            From::Snapshot(_) => part.bytes,
        }
    }

    /// Puts the files of a part into `directory`, and compares them with what they were; says how the root is to be.
    ///
    /// # Errors
    /// When they are damaged, or not as they were.
    pub(crate) fn extract(&self, part: &Part, directory: &Path) -> anyhow::Result<Root> {
        match &self.from {
            From::Snapshot(opened) => {
                let (root, tree) = opened.extract(part, directory)?;
                self.check_devices(part, &tree)?;
                Ok(root)
            }
            From::File(reader) => {
                let strip = if part.kind == Kind::Files { 2 } else { 1 };
                let digest = unpacked(reader, part, directory, strip)?;
                self.check_devices(part, &digest)?;
                let root = digest.root.as_ref().map(Root::from).context("the part has no root")?;
                if part.kind == Kind::Files {
                    compare(directory, root, part)?;
                }
                Ok(root)
            }
        }
    }

    fn check_devices(&self, part: &Part, tree: &tree::Digest) -> Result<(), Failure> {
        match tree.device() {
            Some(device) if !self.devices => Err(Failure::new(format!("{device} in `{}` is a device node of the machine", part.name))
                .hint("where the backup is one of yours and needs it, `cargo xtask restore --devices` brings it back")),
            _ => Ok(()),
        }
    }
}

/// Unpacks a part into `directory`.
fn unpacked(reader: &Reader, part: &Part, directory: &Path, strip: usize) -> anyhow::Result<tree::Digest> {
    let mut tar = unpack(directory, strip).start()?;
    let stdin = tar.stdin()?;
    let digest = reader.part(&part.name, stdin, &mut Meter::new(&part.name, Some(part.bytes)));
    let unpacked = |tar: Running| tar.succeed().map_err(|error| explain(error, &format!("the part `{}` could not be unpacked", part.name)));
    match digest {
        // Where tar ended early, its reason is the one to tell, and not the pipe that broke.
        Err(error) if refused(&error) => unpacked(tar).and(Err(error)),
        Err(error) => Err(error),
        Ok(digest) => unpacked(tar).map(|()| digest),
    }
}

/// Whether what was unpacked is what was backed up: read again, from where it is now.
fn compare(directory: &Path, root: Root, part: &Part) -> anyhow::Result<()> {
    root.give(directory)?;
    let found = tree::walk(directory, &mut Meter::new(&part.name, Some(part.bytes)))?.finish();
    ensure!(
        found == part.digest,
        Failure::new(format!("the files of `{}` are not as they were after they were unpacked", part.name))
            .detail("the file system may not keep all attributes, such as owners or extended ones")
    );
    Ok(())
}
