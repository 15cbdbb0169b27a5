//! What the watcher knows of git: the lock that it holds while it rewrites the working tree.

use std::path::{Path, PathBuf};

use super::debounce::Lock;

/// The lock on the index of the checkout at `root`, if somebody holds it.
pub(super) fn lock(root: &Path) -> Option<Lock> {
    let found = std::fs::symlink_metadata(lock_path(root)?).ok()?;
    Some(Lock { modified: found.modified().ok()?, length: found.len() })
}

/// Where git puts that lock. A worktree of its own or a submodule has a file `.git` that names the directory.
pub(super) fn lock_path(root: &Path) -> Option<PathBuf> {
    let git = root.join(".git");
    if git.is_dir() {
        return Some(git.join("index.lock"));
    }
    let text = std::fs::read_to_string(git).ok()?;
    // `join` keeps an absolute path as it is.
    Some(root.join(text.strip_prefix("gitdir:")?.trim()).join("index.lock"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_is_in_the_directory_of_the_checkout() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path();
        assert_eq!(lock_path(root), None, "no checkout");
        std::fs::write(root.join(".git"), "gitdir: ../main/.git/worktrees/one\n").expect("written");
        assert_eq!(lock_path(root), Some(root.join("../main/.git/worktrees/one/index.lock")));
        std::fs::write(root.join(".git"), "gitdir: /elsewhere/.git/worktrees/one\n").expect("written");
        assert_eq!(lock_path(root), Some(PathBuf::from("/elsewhere/.git/worktrees/one/index.lock")));
        std::fs::write(root.join(".git"), "something else").expect("written");
        assert_eq!(lock_path(root), None);
        std::fs::remove_file(root.join(".git")).expect("removed");
        std::fs::create_dir(root.join(".git")).expect("created");
        assert_eq!(lock_path(root), Some(root.join(".git/index.lock")));
    }

    #[test]
    fn a_lock_that_is_written_is_another_lock() {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::create_dir(dir.path().join(".git")).expect("created");
        assert_eq!(lock(dir.path()), None);
        std::fs::write(dir.path().join(".git/index.lock"), "").expect("written");
        let first = lock(dir.path()).expect("it is there");
        assert_eq!(lock(dir.path()), Some(first));
        std::fs::write(dir.path().join(".git/index.lock"), "more").expect("written");
        assert_ne!(lock(dir.path()), Some(first));
    }
}
