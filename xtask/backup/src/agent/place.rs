//! Where things are inside the agent's container.

use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use backup::{Journal, WORK};

use super::database::PLAN;

/// A directory at the root of each volume that only the agent uses. It is in no backup.
pub(crate) const OWN: &str = ".slipway";

/// The directories that the agent works with.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// Where backups are kept.
    pub(crate) backups: PathBuf,
    /// Where the volumes are mounted, by part.
    pub(crate) set: PathBuf,
    /// What no other container and nobody on the host can read, and what is gone with the container.
    pub(crate) private: PathBuf,
}

impl Place {
    /// Where the compose file mounts them.
    pub(crate) fn in_container() -> Self {
        Self { backups: "/backups".into(), set: "/set".into(), private: "/tmp".into() }
    }

    /// What is only there while something is done.
    pub(crate) fn work(&self) -> PathBuf {
        self.backups.join(WORK)
    }

    /// Where dumps are made, and come back to. Restic finds a backup before by it.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.work().join("set")
    }

    /// The root of a part's volume.
    pub(crate) fn volume(&self, part: &str) -> PathBuf {
        self.set.join("volumes").join(part)
    }

    /// Removes what earlier runs left, but for the journal of a restore and its plan, and makes the directory to work in.
    ///
    /// # Errors
    /// When that is not possible.
    pub(crate) fn tidy(&self) -> anyhow::Result<()> {
        let work = self.work();
        let unusable = || format!("cannot use {}", work.display());
        std::fs::create_dir_all(&work).with_context(unusable)?;
        for entry in work.read_dir().with_context(unusable)? {
            let entry = entry.with_context(unusable)?;
            if entry.file_name() != Journal::FILE && entry.file_name() != PLAN {
                remove(&entry.path())?;
            }
        }
        self.give(&work)
    }

    /// Gives `path` to whoever owns the directory of backups: the agent is root, they are not.
    ///
    /// # Errors
    /// When that is not possible.
    pub(crate) fn give(&self, path: &Path) -> anyhow::Result<()> {
        let owner = self.backups.metadata().with_context(|| format!("cannot look at {}", self.backups.display()))?;
        let own = path.metadata().with_context(|| format!("cannot look at {}", path.display()))?;
        if (own.uid(), own.gid()) == (owner.uid(), owner.gid()) {
            return Ok(());
        }
        chown(path, Some(owner.uid()), Some(owner.gid())).with_context(|| format!("cannot change the owner of {}", path.display()))
    }
}

/// Removes a file or a directory with all that is in it; one that is not there is what was wanted.
///
/// # Errors
/// When that is not possible.
pub(crate) fn remove(path: &Path) -> anyhow::Result<()> {
    let removed = match path.symlink_metadata() {
        Ok(metadata) if metadata.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Makes the names in a directory survive a loss of power.
///
/// # Errors
/// When that is not possible.
pub(crate) fn sync(path: &Path) -> anyhow::Result<()> {
    std::fs::File::open(path).and_then(|file| file.sync_all()).with_context(|| format!("cannot make {} durable", path.display()))
}
