//! What the watcher asks of git: which files it tracks, and the lock that it holds while it rewrites the working tree.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::debounce::Lock;
use crate::process::Invocation;

/// The repository that a tree belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Repository {
    /// The top of its working tree: the root that is watched, or a directory above it.
    top: PathBuf,
    /// What is of this working tree alone, as its index.
    dir: PathBuf,
}

impl Repository {
    /// The repository of the checkout at `root`, or of the bigger one that `root` is a part of.
    pub(super) fn find(root: &Path) -> Option<Self> {
        root.ancestors().find_map(|top| {
            let dir = directory(top)?.canonicalize().ok()?;
            Some(Self { top: top.to_owned(), dir })
        })
    }

    /// Whether its working tree begins above `root`.
    pub(super) fn is_bigger_than(&self, root: &Path) -> bool {
        self.top != root
    }

    /// The list of the files that it tracks, which git replaces when it changes.
    pub(super) fn index(&self) -> PathBuf {
        self.dir.join("index")
    }

    /// Git's lock on that list.
    pub(super) fn lock_path(&self) -> PathBuf {
        self.dir.join("index.lock")
    }

    /// That lock, if git holds it.
    pub(super) fn lock(&self) -> Option<Lock> {
        let found = std::fs::symlink_metadata(self.lock_path()).ok()?;
        Some(Lock { modified: found.modified().ok()?, length: found.len() })
    }

    /// Its own list of excludes, which all of its working trees share.
    pub(super) fn excludes(&self) -> PathBuf {
        let common =
            std::fs::read_to_string(self.dir.join("commondir")).map_or_else(|_| self.dir.clone(), |text| self.dir.join(text.trim()));
        common.canonicalize().unwrap_or(common).join("info/exclude")
    }

    /// The files below `root` that it or a submodule tracks; none where git cannot say.
    pub(super) fn tracked(&self, root: &Path) -> BTreeSet<PathBuf> {
        let list = |more: &[&str]| {
            // Named, so that variables which a hook of git has do not lead to another repository.
            let names = [("GIT_DIR", self.dir.clone()), ("GIT_WORK_TREE", self.top.clone()), ("GIT_INDEX_FILE", self.index())];
            let git = Invocation::new("git").args(["ls-files", "--cached", "-z"]).args(more.iter().copied()).dir(root);
            let git = names.iter().fold(git, |git, (name, path)| git.env(name, &path.to_string_lossy()));
            git.read_bytes().ok()
        };
        let files = list(&["--recurse-submodules"]).or_else(|| list(&[])).unwrap_or_default();
        files.split(|byte| *byte == 0).filter(|path| !path.is_empty()).map(path_of).collect()
    }
}

/// The directory of the repository whose working tree begins at `top`. A worktree of its own or a submodule has a file `.git` that names it.
fn directory(top: &Path) -> Option<PathBuf> {
    let git = top.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    let text = std::fs::read_to_string(git).ok()?;
    // `join` keeps an absolute path as it is.
    Some(top.join(text.strip_prefix("gitdir:")?.trim()))
}

#[cfg(unix)]
fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(<OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes))
}

#[cfg(not(unix))]
fn path_of(bytes: &[u8]) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_is_in_the_directory_of_the_checkout() {
        let dir = tempfile::tempdir().expect("a directory");
        let top = dir.path().canonicalize().expect("there");
        let root = top.join("checkout");
        let own = top.join("main/.git/worktrees/one");
        std::fs::create_dir_all(&root).expect("created");
        std::fs::create_dir_all(&own).expect("created");
        let lock_path = || Repository::find(&root).map(|repository| repository.lock_path());
        assert_eq!(lock_path(), None, "no checkout");
        for names in ["../main/.git/worktrees/one".to_owned(), own.display().to_string()] {
            std::fs::write(root.join(".git"), format!("gitdir: {names}\n")).expect("written");
            assert_eq!(lock_path(), Some(own.join("index.lock")));
        }
        std::fs::write(root.join(".git"), "something else").expect("written");
        assert_eq!(lock_path(), None);
        std::fs::remove_file(root.join(".git")).expect("removed");
        std::fs::create_dir(root.join(".git")).expect("created");
        assert_eq!(lock_path(), Some(root.join(".git/index.lock")));
    }

    #[test]
    fn the_excludes_are_those_of_the_main_repository() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path().canonicalize().expect("there");
        let own = root.join(".git/worktrees/one");
        std::fs::create_dir_all(&own).expect("created");
        std::fs::write(own.join("commondir"), "../..\n").expect("written");
        let excludes = |dir: PathBuf| Repository { top: root.clone(), dir }.excludes();
        assert_eq!((excludes(own), excludes(root.join(".git"))), (root.join(".git/info/exclude"), root.join(".git/info/exclude")));
    }

    #[test]
    fn a_lock_that_is_written_is_another_lock() {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(dir.path().join(".git")).expect("created");
        let repository = Repository::find(dir.path()).expect("a repository");
        assert_eq!(repository.lock(), None);
        std::fs::write(dir.path().join(".git/index.lock"), "").expect("written");
        let first = repository.lock().expect("it is there");
        assert_eq!(repository.lock(), Some(first));
        std::fs::write(dir.path().join(".git/index.lock"), "more").expect("written");
        assert_ne!(repository.lock(), Some(first));
    }
}
