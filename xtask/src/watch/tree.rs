//! The working tree as it is known: its directories, its files, and what of it is watched.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use notify::EventKind;
use notify::event::ModifyKind;

use super::content::Touched;
use super::debounce::Lock;
use super::ephemeral::is_ephemeral;
use super::git::Repository;
use super::ledger::{Hint, Ledger};
use super::registry::Registry;
use super::rules::{self, Rules, Wanted, is_rule};
use super::{Change, Kind};

/// See the module's comment. All paths are relative to the root; the root itself is the empty path.
#[derive(Debug)]
pub(super) struct Tree {
    root: PathBuf,
    /// When all of this began.
    since: SystemTime,
    repository: Option<Repository>,
    rules: Rules,
    wanted: Wanted,
    /// When each file outside the tree was written that says what is ignored in it, and when git's index was.
    outside: BTreeMap<PathBuf, Option<Touched>>,
    indexed: Option<Touched>,
    pub(super) registry: Registry,
    ledger: Ledger,
    /// A file counts as there only while its directory is one of these: behind a link that took the place of a directory there are files as well.
    directories: BTreeSet<PathBuf>,
}

impl Tree {
    /// Walks the tree at `root` and learns what its files hold.
    pub(super) fn read(root: PathBuf, registry: Registry) -> Self {
        let (since, repository) = (SystemTime::now(), Repository::find(&root));
        let mut tree = Self {
            rules: Rules::read(&root, None, Wanted::default()),
            root,
            since,
            repository,
            wanted: Wanted::default(),
            outside: BTreeMap::new(),
            indexed: None,
            registry,
            ledger: Ledger::default(),
            directories: BTreeSet::new(),
        };
        tree.read_rules();
        for path in tree.enter(Path::new("")) {
            tree.compare(&path, Hint::Written);
        }
        tree
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// How many directories there are.
    pub(super) fn size(&self) -> usize {
        self.directories.len()
    }

    /// Git's lock on the working tree, if git holds it.
    pub(super) fn lock(&self) -> Option<Lock> {
        self.repository.as_ref()?.lock()
    }

    /// Where git puts that lock.
    pub(super) fn lock_path(&self) -> Option<PathBuf> {
        Some(self.repository.as_ref()?.lock_path())
    }

    /// From now on also what `wanted` names is watched, once everything is compared.
    pub(super) fn want(&mut self, wanted: Wanted) {
        self.wanted = wanted;
    }

    fn read_rules(&mut self) {
        // The times first: what is written meanwhile is read again.
        if let Some(repository) = &self.repository {
            self.indexed = Touched::of(&repository.index());
            self.outside = rules::outside(&self.root, repository).into_iter().map(|path| (path.clone(), Touched::of(&path))).collect();
            let places = [repository.index(), repository.excludes()];
            places.iter().filter_map(|path| path.parent()).for_each(|place| self.registry.enter_outside(&self.root, place));
        }
        self.rules = Rules::read(&self.root, self.repository.as_ref(), self.wanted.clone());
    }

    /// Whether `path` (absolute) says, outside the tree, what is watched in it.
    pub(super) fn decides(&self, path: &Path) -> bool {
        self.outside.contains_key(path) || self.repository.as_ref().is_some_and(|repository| repository.index() == path)
    }

    /// Whether what decides that was written since it was read.
    pub(super) fn is_decided_anew(&self) -> bool {
        let index = self.repository.as_ref().map(Repository::index);
        self.outside.iter().any(|(path, known)| Touched::of(path) != *known)
            || index.is_some_and(|index| Touched::of(&index) != self.indexed)
    }

    /// Looks at what decides that, and says whether another part of the tree is watched now, once everything is compared.
    pub(super) fn decide(&mut self) -> bool {
        if self.outside.iter().any(|(path, known)| Touched::of(path) != *known) {
            return true;
        }
        let Some(repository) = &self.repository else { return false };
        let now = Touched::of(&repository.index());
        if now == self.indexed {
            return false;
        }
        self.indexed = now;
        self.rules.track(repository.tracked(&self.root))
    }

    /// Whether `change` tells of a file that only the rules for edits name, and that is as it was at the start: it is news to the watcher alone.
    pub(super) fn is_old_news(&mut self, change: &Change) -> bool {
        change.kind == Kind::Created
            && self.rules.only_wanted(&change.path)
            && Touched::of(&self.root.join(&change.path)).is_none_or(|touched| touched.settled(self.since))
    }

    /// Registers `directory` and all below that is not ignored, and returns the files there.
    fn enter(&mut self, directory: &Path) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut waiting = vec![directory.to_owned()];
        while let Some(directory) = waiting.pop() {
            // Watched first, listed then: what is made in between is seen by one or the other.
            self.registry.enter(&directory, &self.root.join(&directory));
            self.directories.insert(directory.clone());
            // One that cannot be listed is gone again, or nobody's to read.
            let Ok(entries) = std::fs::read_dir(self.root.join(&directory)) else { continue };
            for entry in entries.flatten() {
                let path = directory.join(entry.file_name());
                let Ok(kind) = entry.file_type() else { continue };
                if kind.is_dir() {
                    if self.rules.keep(&path, true) {
                        waiting.push(path);
                    }
                } else if self.wanted(&path) {
                    files.push(path);
                }
            }
        }
        files
    }

    fn wanted(&mut self, path: &Path) -> bool {
        path.file_name().is_some_and(|name| !is_ephemeral(name)) && self.rules.keep(path, false)
    }

    /// Forgets `directory` and all directories below it.
    fn leave(&mut self, directory: &Path) {
        let from = (Bound::Included(directory), Bound::Unbounded);
        let gone: Vec<PathBuf> = self.directories.range::<Path, _>(from).take_while(|path| path.starts_with(directory)).cloned().collect();
        for path in gone {
            self.registry.leave(&path, &self.root.join(&path));
            self.directories.remove(&path);
        }
    }

    /// Takes in that something of `kind` happened to `path`, and returns the files that may have changed by it.
    pub(super) fn absorb(&mut self, path: &Path, kind: EventKind) -> Vec<PathBuf> {
        let mut files = Vec::new();
        if self.root.join(path).symlink_metadata().is_ok_and(|found| found.is_dir()) {
            // Who may read a directory changes nothing in it.
            let known = self.directories.contains(path) && matches!(kind, EventKind::Modify(ModifyKind::Metadata(_) | ModifyKind::Data(_)));
            if known || !self.rules.keep(path, true) {
                return files;
            }
            files = self.enter(path);
            // All that was here before may have been replaced with the directory.
            files.extend(self.ledger.below(path).map(Path::to_owned));
            return files;
        }
        if self.directories.contains(path) {
            self.leave(path);
            files.extend(self.ledger.below(path).map(Path::to_owned));
        }
        if self.ledger.knows(path) || self.wanted(path) {
            files.push(path.to_owned());
        }
        files
    }

    /// Compares one file with what is known of it.
    pub(super) fn compare(&mut self, path: &Path, hint: Hint) -> Option<Change> {
        if path.parent().is_some_and(|parent| self.directories.contains(parent)) {
            self.ledger.compare(path, &self.root.join(path), hint)
        } else {
            self.ledger.remove(path)
        }
    }

    /// Reads the rules again, registers every directory that they leave and compares everything, the files of `written` by their content.
    pub(super) fn sweep(&mut self, written: &BTreeSet<PathBuf>) -> Vec<Change> {
        self.read_rules();
        // First what is gone: a directory may be elsewhere now, and giving up its old name must not end what the new name is about to get.
        let gone: Vec<PathBuf> = self
            .directories
            .iter()
            .filter(|path| !self.root.join(path).symlink_metadata().is_ok_and(|found| found.is_dir()) || !self.rules.keep(path, true))
            .cloned()
            .collect();
        for path in gone {
            self.leave(&path);
        }
        let mut changes = Vec::new();
        let mut files: BTreeSet<PathBuf> = self.enter(Path::new("")).into_iter().collect();
        for path in self.ledger.paths().filter(|path| !files.contains(*path)).map(Path::to_owned).collect::<Vec<_>>() {
            if self.rules.keep(&path, false) {
                files.insert(path);
            } else {
                changes.extend(self.ledger.remove(&path));
            }
        }
        changes.extend(files.iter().filter_map(|path| self.compare(path, if written.contains(path) { Hint::Written } else { Hint::None })));
        changes.sort_by(|a, b| a.path.cmp(&b.path));
        changes
    }

    /// Whether one of `files` is a list of rules that has none.
    pub(super) fn has_emptied_rule(&self, files: &BTreeSet<PathBuf>) -> bool {
        files.iter().any(|path| is_rule(path) && self.root.join(path).metadata().is_ok_and(|found| found.len() == 0))
    }

    /// Compares the directories that the system does not watch, and returns the files in them that changed.
    pub(super) fn poll(&mut self) -> Vec<PathBuf> {
        let mut changed = Vec::new();
        let mut seen = BTreeSet::new();
        let polled = self.registry.polled().clone();
        for directory in &polled {
            let Ok(entries) = std::fs::read_dir(self.root.join(directory)) else {
                changed.extend(self.absorb(directory, EventKind::Any));
                continue;
            };
            for entry in entries.flatten() {
                let path = directory.join(entry.file_name());
                let Ok(kind) = entry.file_type() else { continue };
                if kind.is_dir() != self.directories.contains(&path) {
                    changed.extend(self.absorb(&path, EventKind::Any));
                } else if !kind.is_dir() && self.wanted(&path) {
                    if self.ledger.differs(&path, &self.root.join(&path)) {
                        changed.push(path.clone());
                    }
                    seen.insert(path);
                }
            }
        }
        let missing =
            self.ledger.paths().filter(|path| !seen.contains(*path) && path.parent().is_some_and(|parent| polled.contains(parent)));
        changed.extend(missing.map(Path::to_owned));
        changed
    }
}
