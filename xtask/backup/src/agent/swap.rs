//! A volume's content, replaced as a whole: volumes cannot be renamed, so what is new is staged inside of the same volume, and its entries are renamed.
//! Each step can be done again after it was interrupted, and leads to the same end.

use std::fs::rename;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::place::{OWN, remove, sync};
use super::process::Program;
use super::tree::Attributes;

/// The directories and marks in [`OWN`].
const NEW: &str = "new";
const OLD: &str = "old";
const OUT: &str = "out";
const ROOT: &str = "root.json";
const BEFORE: &str = "before.json";
const SAVEPOINTS: &str = "snapshots";
/// What file systems put at their root by themselves.
const FOREIGN: &str = "lost+found";

/// The root of one volume.
pub(crate) struct Volume {
    root: PathBuf,
}

/// Owner and permissions of a volume's root.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub(crate) struct Root {
    /// Permissions.
    pub(crate) mode: u32,
    /// The owner.
    pub(crate) uid: u32,
    /// The group.
    pub(crate) gid: u32,
}

impl From<&Attributes> for Root {
    fn from(attributes: &Attributes) -> Self {
        Self { mode: attributes.mode, uid: attributes.uid, gid: attributes.gid }
    }
}

impl Root {
    /// Of the directory `path`.
    ///
    /// # Errors
    /// When it cannot be looked at.
    pub(crate) fn of(path: &Path) -> anyhow::Result<Self> {
        let metadata = path.metadata().with_context(|| format!("cannot look at {}", path.display()))?;
        Ok(Self { mode: metadata.mode() & 0o7777, uid: metadata.uid(), gid: metadata.gid() })
    }

    /// Gives it to the directory `path`.
    ///
    /// # Errors
    /// When that is not possible.
    pub(crate) fn give(self, path: &Path) -> anyhow::Result<()> {
        let given = chown(path, Some(self.uid), Some(self.gid)).and_then(|()| set_mode(path, self.mode));
        given.with_context(|| format!("cannot change the owner of {}", path.display()))
    }
}

fn set_mode(path: &Path, mode: u32) -> std::io::Result<()> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

impl Volume {
    /// The volume mounted at `root`.
    pub(crate) fn at(root: PathBuf) -> Self {
        Self { root }
    }

    fn own(&self, name: &str) -> PathBuf {
        self.root.join(OWN).join(name)
    }

    /// Where a save point of this volume is.
    pub(crate) fn savepoint(&self, name: &str) -> PathBuf {
        self.own(SAVEPOINTS).join(name)
    }

    /// Removes the save point `name`.
    ///
    /// # Errors
    /// When that is not possible.
    pub(crate) fn forget(&self, name: &str) -> anyhow::Result<()> {
        remove(&self.savepoint(name))
    }

    /// Copies what is there to the save point `name`. Where the file system can, the copy shares its blocks with it.
    ///
    /// # Errors
    /// When something cannot be copied.
    pub(crate) fn save(&self, name: &str) -> anyhow::Result<()> {
        let savepoint = self.savepoint(name);
        remove(&savepoint)?;
        self.make(&savepoint)?;
        // As many names as a command line takes; links between files of two such groups become copies.
        for group in Self::entries(&self.root)?.chunks(4000) {
            copy(group.iter().map(|name| self.root.join(name)), &savepoint)?;
        }
        Root::of(&self.root)?.give(&savepoint)
    }

    /// Stages a copy of the save point `name`.
    ///
    /// # Errors
    /// When there is none, or something cannot be copied.
    pub(crate) fn stage_savepoint(&self, name: &str) -> anyhow::Result<()> {
        let new = self.stage()?;
        let savepoint = self.savepoint(name);
        copy(std::iter::once(savepoint.join(".")), &new)?;
        self.seal(Root::of(&savepoint)?)
    }

    /// An empty directory for what is new.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn stage(&self) -> anyhow::Result<PathBuf> {
        self.discard()?;
        let new = self.own(NEW);
        self.make(&new)?;
        Ok(new)
    }

    /// Makes a directory of our own, which nobody else looks into.
    ///
    /// # Errors
    /// When it cannot be made.
    pub(crate) fn make(&self, path: &Path) -> anyhow::Result<()> {
        std::fs::create_dir_all(path).with_context(|| format!("cannot make {}", path.display()))?;
        let own = self.root.join(OWN);
        set_mode(&own, 0o700).with_context(|| format!("cannot change the permissions of {}", own.display()))
    }

    /// Removes what was staged and not swapped.
    ///
    /// # Errors
    /// When that is not possible.
    pub(crate) fn discard(&self) -> anyhow::Result<()> {
        remove(&self.own(NEW))?;
        remove(&self.own(ROOT))
    }

    /// Says that what is staged is whole, and how the root is to be.
    ///
    /// # Errors
    /// When that cannot be written.
    pub(crate) fn seal(&self, root: Root) -> anyhow::Result<()> {
        let path = self.own(ROOT);
        std::fs::write(&path, serde_json::to_vec(&root)?).with_context(|| format!("cannot write {}", path.display()))?;
        sync(&path)?;
        sync(&self.root.join(OWN))
    }

    /// Puts what is staged into the place of what is there, which becomes the save point `kept`.
    ///
    /// # Errors
    /// When something cannot be renamed; done again it goes on.
    pub(crate) fn swap(&self, kept: &str) -> anyhow::Result<()> {
        let (new, old, out, root) = (self.own(NEW), self.own(OLD), self.own(OUT), self.own(ROOT));
        if !root.exists() && !out.exists() {
            return Ok(());
        }
        if !out.exists() {
            self.make(&old)?;
            step()?;
            let before = serde_json::to_vec(&Root::of(&self.root)?)?;
            std::fs::write(self.own(BEFORE), before).with_context(|| format!("cannot write {}", self.own(BEFORE).display()))?;
            Self::entries(&self.root)?.iter().try_for_each(|name| relocate(&self.root, &old, name))?;
            sync(&old)?;
            step()?;
            std::fs::write(&out, "").with_context(|| format!("cannot write {}", out.display()))?;
            sync(&self.root.join(OWN))?;
        }
        if new.exists() {
            Self::entries(&new)?.iter().try_for_each(|name| relocate(&new, &self.root, name))?;
        }
        step()?;
        if root.exists() {
            read_root(&root)?.give(&self.root)?;
        }
        sync(&self.root)?;
        step()?;
        remove(&new)?;
        if old.exists() {
            let savepoint = self.savepoint(kept);
            step()?;
            remove(&savepoint)?;
            self.make(savepoint.parent().unwrap_or(&self.root))?;
            read_root(&self.own(BEFORE))?.give(&old)?;
            step()?;
            rename(&old, &savepoint).with_context(|| format!("cannot make {}", savepoint.display()))?;
        }
        for done in [self.own(BEFORE), root, out] {
            step()?;
            remove(&done)?;
        }
        sync(&self.root.join(OWN))
    }

    fn entries(directory: &Path) -> anyhow::Result<Vec<std::ffi::OsString>> {
        let unreadable = || format!("cannot read {}", directory.display());
        let mut names = Vec::new();
        for entry in directory.read_dir().with_context(unreadable)? {
            let name = entry.with_context(unreadable)?.file_name();
            // Neither what is there nor what is new brings these along: they would be in the way of those that stay.
            if name != OWN && name != FOREIGN {
                names.push(name);
            }
        }
        Ok(names)
    }
}

fn read_root(path: &Path) -> anyhow::Result<Root> {
    let unreadable = || format!("cannot read {}", path.display());
    serde_json::from_slice(&std::fs::read(path).with_context(unreadable)?).with_context(unreadable)
}

/// Something is changed next: tests interrupt here.
fn step() -> anyhow::Result<()> {
    #[cfg(test)]
    tests::interrupt()?;
    Ok(())
}

fn copy(from: impl Iterator<Item = PathBuf>, to: &Path) -> anyhow::Result<()> {
    let cp = Program::new("cp").args(["--archive", "--reflink=auto", "--sparse=auto"]).arg_path("--target-directory", to);
    cp.args(from.map(PathBuf::into_os_string)).run()
}

fn relocate(from: &Path, to: &Path, name: &std::ffi::OsStr) -> anyhow::Result<()> {
    step()?;
    let target = to.join(name);
    rename(from.join(name), &target).with_context(|| format!("cannot move {} to {}", from.join(name).display(), target.display()))
}

#[cfg(test)]
mod tests;
