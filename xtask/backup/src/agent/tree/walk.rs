//! A tree in a directory.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::Path;

use anyhow::Context as _;
use rustix::fs::{lgetxattr, llistxattr, major, minor};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};

use super::digest::{Attributes, Digest, Node, Shape, shown};
use crate::agent::lifeline;
use crate::agent::place::OWN;
use crate::agent::talk::Meter;

/// Reads the tree at `root`, without our own directory at its top.
///
/// # Errors
/// When something in it cannot be read.
pub(crate) fn walk(root: &Path, meter: &mut Meter) -> anyhow::Result<Digest> {
    let mut walk = Walk { root, digest: Digest::default(), links: HashMap::new(), buffer: vec![0; 256 << 10], meter: Some(meter) };
    walk.entry(root)?;
    Ok(walk.digest)
}

/// The same without the contents of files. What vanishes meanwhile is left out.
///
/// # Errors
/// When something in it cannot be looked at.
pub(crate) fn look(root: &Path) -> anyhow::Result<Digest> {
    let mut walk = Walk { root, digest: Digest::default(), links: HashMap::new(), buffer: Vec::new(), meter: None };
    walk.entry(root)?;
    Ok(walk.digest)
}

struct Walk<'a> {
    root: &'a Path,
    digest: Digest,
    /// Files with several names, by device and number: the name they were met by first.
    links: HashMap<(u64, u64), Vec<u8>>,
    buffer: Vec<u8>,
    /// Counts what is read; without it no file is.
    meter: Option<&'a mut Meter>,
}

impl Walk<'_> {
    fn entry(&mut self, path: &Path) -> anyhow::Result<()> {
        lifeline::check()?;
        match self.read(path) {
            Err(error) if self.meter.is_none() && path != self.root && vanished(&error) => Ok(()),
            other => other,
        }
    }

    fn read(&mut self, path: &Path) -> anyhow::Result<()> {
        let unreadable = || format!("cannot read {}", shown(path.as_os_str().as_bytes()));
        let metadata = path.symlink_metadata().with_context(unreadable)?;
        let kind = metadata.file_type();
        let name = path.strip_prefix(self.root).unwrap_or(path).as_os_str().as_bytes().to_vec();
        // tar leaves them out: nobody listens on a copy.
        if kind.is_socket() {
            return Ok(());
        }
        // Whoever only looks compares with restic, which keeps links of files alone.
        let linked = !kind.is_dir() && metadata.nlink() > 1 && (self.meter.is_some() || kind.is_file());
        let number = (metadata.dev(), metadata.ino());
        if let Some(first) = self.links.get(&number).filter(|_| linked) {
            return self.digest.add(name, Node::Same(first.clone()));
        }
        let shape = if kind.is_dir() {
            Shape::Directory
        } else if kind.is_file() {
            match self.meter {
                Some(_) => self.content(path).with_context(unreadable)?,
                None => Shape::File(metadata.len(), [0; 32]),
            }
        } else if kind.is_symlink() {
            Shape::Symlink(path.read_link().with_context(unreadable)?.as_os_str().as_bytes().to_vec())
        } else if kind.is_fifo() {
            Shape::Fifo
        } else {
            Shape::Device(kind.is_block_device(), major(metadata.rdev()), minor(metadata.rdev()))
        };
        if kind.is_file() {
            // The kernel counts in blocks of 512 bytes, whatever those of the file system are.
            self.digest.allocated = self.digest.allocated.saturating_add(metadata.len().min(metadata.blocks() * 512));
        }
        let attributes = attributes(shape, &metadata, extended(path).with_context(unreadable)?);
        let top = name.is_empty();
        if linked {
            // Only now: one that vanished before it was read is nothing to link to.
            self.links.insert(number, name.clone());
        }
        self.digest.add(name, Node::Own(attributes))?;
        if kind.is_dir() {
            let mut names = Vec::new();
            for entry in path.read_dir().with_context(unreadable)? {
                names.push(entry.with_context(unreadable)?.file_name());
            }
            names.sort_unstable();
            names.iter().filter(|name| !top || *name != OsStr::new(OWN)).try_for_each(|name| self.entry(&path.join(name)))?;
        }
        Ok(())
    }

    fn content(&mut self, path: &Path) -> std::io::Result<Shape> {
        let mut file = File::open(path)?;
        let (mut hash, mut bytes) = (Sha256::new(), 0);
        loop {
            lifeline::check().map_err(std::io::Error::other)?;
            match file.read(&mut self.buffer)? {
                0 => return Ok(Shape::File(bytes, hash.finalize().into())),
                count => {
                    hash.update(&self.buffer[..count]);
                    bytes += count as u64;
                    if let Some(meter) = &mut self.meter {
                        meter.add(count as u64);
                    }
                }
            }
        }
    }
}

fn vanished(error: &anyhow::Error) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::NotFound)
}

fn attributes(shape: Shape, metadata: &Metadata, extended: BTreeMap<Vec<u8>, Vec<u8>>) -> Attributes {
    // Nobody can change the permissions of a symbolic link, and they are not always the same.
    let mode = if matches!(shape, Shape::Symlink(_)) { 0o777 } else { metadata.mode() & 0o7777 };
    let nanoseconds = u32::try_from(metadata.mtime_nsec()).unwrap_or(0);
    Attributes { shape, mode, uid: metadata.uid(), gid: metadata.gid(), mtime: (metadata.mtime(), nanoseconds), extended }
}

/// The extended attributes of `path`. Of access control lists only that they are there: tar writes them in other words.
fn extended(path: &Path) -> std::io::Result<BTreeMap<Vec<u8>, Vec<u8>>> {
    let mut names = Vec::with_capacity(4096);
    match llistxattr(path, rustix::buffer::spare_capacity(&mut names)) {
        Ok(_) => {}
        Err(Errno::NOTSUP) => return Ok(BTreeMap::new()),
        Err(Errno::RANGE) => {
            names.reserve(64 << 10);
            llistxattr(path, rustix::buffer::spare_capacity(&mut names))?;
        }
        Err(error) => return Err(error.into()),
    }
    let mut extended = BTreeMap::new();
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        if let Some(kind) = name.strip_prefix(b"system.posix_acl_") {
            extended.insert([b"acl.", kind].concat(), Vec::new());
        } else if carried(name) {
            // The most that Linux allows.
            let mut value = Vec::with_capacity(64 << 10);
            lgetxattr(path, OsStr::from_bytes(name), rustix::buffer::spare_capacity(&mut value))?;
            extended.insert(name.to_vec(), value);
        }
    }
    Ok(extended)
}

/// Whether an extended attribute belongs to the file, and not to the machine it lies on.
pub(in crate::agent::tree) fn carried(name: &[u8]) -> bool {
    name.starts_with(b"user.") || name == b"security.capability"
}
