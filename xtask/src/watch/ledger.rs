//! What every watched file was last told to hold.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::{Path, PathBuf};

use super::content::Reading;
use super::{Change, Kind};

/// What is known of a file that may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hint {
    /// The system says that it was written: only its content counts.
    Written,
    /// Nothing: an old file with the same size and times need not be read.
    None,
}

/// Files by their path relative to the root.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    files: BTreeMap<PathBuf, Reading>,
}

impl Ledger {
    /// Compares the file `path`, which is at `place`, with what is known, and remembers what it holds now.
    pub(super) fn compare(&mut self, path: &Path, place: &Path, hint: Hint) -> Option<Change> {
        if hint == Hint::None && self.files.get(path).is_some_and(|known| known.holds(place)) {
            return None;
        }
        let Some(reading) = Reading::take(place) else { return self.remove(path) };
        let content = Some(reading.fingerprint);
        let kind = match self.files.insert(path.to_owned(), reading) {
            Some(known) if known.fingerprint == reading.fingerprint => return None,
            Some(_) => Kind::Modified,
            None => Kind::Created,
        };
        Some(Change { path: path.to_owned(), kind, content })
    }

    /// Whether the file holds something else than what is known, which stays as it is.
    pub(super) fn differs(&mut self, path: &Path, place: &Path) -> bool {
        let Some(known) = self.files.get_mut(path) else { return true };
        if known.holds(place) {
            return false;
        }
        match Reading::take(place) {
            Some(reading) if reading.fingerprint == known.fingerprint => {
                // The same, at a later moment.
                *known = reading;
                false
            }
            _ => true,
        }
    }

    /// The file is gone, or no longer of interest.
    pub(super) fn remove(&mut self, path: &Path) -> Option<Change> {
        self.files.remove(path).map(|_| Change { path: path.to_owned(), kind: Kind::Removed, content: None })
    }

    pub(super) fn knows(&self, path: &Path) -> bool {
        self.files.contains_key(path)
    }

    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.keys().map(PathBuf::as_path)
    }

    /// The known files in `directory`, at any depth.
    pub(super) fn below<'a>(&'a self, directory: &'a Path) -> impl Iterator<Item = &'a Path> {
        // Paths are ordered by their components, so these are next to each other.
        let from = (Bound::Included(directory), Bound::Unbounded);
        self.files.range::<Path, _>(from).map(|(path, _)| path.as_path()).take_while(move |path| path.starts_with(directory))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let (path, place) = (Path::new("file"), dir.path().join("file"));
        let mut ledger = Ledger::default();
        let mut kind = |hint| ledger.compare(path, &place, hint).map(|change| (change.kind, change.content.is_some()));
        assert_eq!(kind(Hint::Written), None, "it never was there");
        std::fs::write(&place, "one").expect("written");
        assert_eq!(kind(Hint::None), Some((Kind::Created, true)));
        assert_eq!(kind(Hint::Written), None);
        std::fs::write(&place, "two").expect("written");
        assert_eq!(kind(Hint::None), Some((Kind::Modified, true)), "the same size, a moment later");
        assert_eq!(kind(Hint::Written), None);
        std::fs::remove_file(&place).expect("removed");
        assert_eq!(kind(Hint::None), Some((Kind::Removed, false)));
        assert_eq!(kind(Hint::Written), None);
    }

    #[test]
    fn asking_changes_nothing() {
        let dir = tempfile::tempdir().expect("a directory");
        let (path, place) = (Path::new("file"), dir.path().join("file"));
        std::fs::write(&place, "one").expect("written");
        let mut ledger = Ledger::default();
        assert!(ledger.differs(path, &place));
        assert!(ledger.differs(path, &place));
        ledger.compare(path, &place, Hint::Written);
        assert!(!ledger.differs(path, &place));
        std::fs::remove_file(&place).expect("removed");
        assert!(ledger.differs(path, &place));
        assert_eq!(ledger.compare(path, &place, Hint::Written).map(|change| change.kind), Some(Kind::Removed));
    }

    #[test]
    fn the_files_of_a_directory_are_those_below_it_and_no_others() {
        let dir = tempfile::tempdir().expect("a directory");
        let mut ledger = Ledger::default();
        for path in ["a/one", "a/b/two", "a-b/three", "a.rs", "b"] {
            let place = dir.path().join(path);
            std::fs::create_dir_all(place.with_file_name("")).expect("created");
            std::fs::write(&place, path).expect("written");
            ledger.compare(Path::new(path), &place, Hint::Written);
        }
        assert_eq!(ledger.below(Path::new("a")).collect::<Vec<_>>(), [Path::new("a/b/two"), Path::new("a/one")]);
        assert_eq!(ledger.below(Path::new("")).count(), 5);
        assert_eq!(ledger.below(Path::new("none")).count(), 0);
    }
}
