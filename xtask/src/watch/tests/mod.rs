//! The watcher on real files. Each wait is on the channel of batches; nothing here measures time.

mod editors;
mod git;
mod limits;
mod storm;
mod tree;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Receiver;

use super::content::Reading;
use super::*;

/// No machine is so slow that it takes longer; a test that waits for it has failed.
const DEADLINE: Duration = Duration::from_secs(120);

/// A quiet time that covers the pauses of a busy machine: what belongs together stays together.
const CALM: Windows = Windows {
    quiet: Duration::from_millis(250),
    cap: Duration::from_secs(30),
    hold: Duration::from_secs(60),
    longest: Duration::from_secs(60),
    recheck: Duration::from_millis(10),
};

/// A watched directory, and what its watcher told so far.
pub(super) struct Scene {
    pub(super) root: PathBuf,
    pub(super) notices: Receiver<Notice>,
    batches: Receiver<Batch>,
    /// What every file holds according to the batches.
    told: BTreeMap<PathBuf, Fingerprint>,
    marks: u32,
    watcher: Watcher,
    _dir: tempfile::TempDir,
}

pub(super) fn setup(windows: Windows) -> Setup {
    Setup { options: Options::default(), windows, poll_every: Duration::from_millis(50), connect: Box::new(registry::system) }
}

impl Scene {
    /// Watches what `prepare` makes.
    pub(super) fn with(setup: Setup, prepare: impl FnOnce(&Path)) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path().canonicalize().expect("it exists").join("root");
        fs::create_dir(&root).expect("created");
        prepare(&root);
        let (send, batches) = mpsc::channel();
        let (say, notices) = mpsc::channel();
        let watcher = Watcher::start_with(&root, setup, move |batch| send.send(batch).unwrap(), move |notice| say.send(notice).unwrap());
        let told = disk(&root);
        Self { root, notices, batches, told, marks: 0, watcher: watcher.expect("it starts"), _dir: dir }
    }

    /// Watches those files, with enough calm that one action is one batch.
    pub(super) fn calm(files: &[&str]) -> Self {
        Self::with(setup(CALM), |root| files.iter().for_each(|file| write(&root.join(file), &format!("content of {file}\n"))))
    }

    pub(super) fn at(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// Also this is watched.
    pub(super) fn want(&self, wanted: Wanted) {
        self.watcher.want(wanted);
    }

    /// That this file was watched from the start, although it is where the tests ignore everything.
    pub(super) fn knowing(mut self, path: &str) -> Self {
        let content = Reading::take(&self.at(path)).expect("a file").fingerprint;
        self.told.insert(PathBuf::from(path), content);
        self
    }

    /// The next batch: it must tell only what is news.
    pub(super) fn next(&mut self) -> Batch {
        let batch = self.batches.recv_timeout(DEADLINE).expect("a batch comes");
        assert!(!batch.changed.is_empty());
        assert!(batch.first_event <= batch.decided);
        assert!(batch.changed.is_sorted_by(|a, b| a.path < b.path), "each path once, in order: {:?}", batch.changed);
        for Change { path, kind, content } in &batch.changed {
            let before = match content {
                Some(content) => self.told.insert(path.clone(), *content),
                None => self.told.remove(path),
            };
            let expected = match (before, content) {
                (None, Some(_)) => Kind::Created,
                (Some(_), None) => Kind::Removed,
                (Some(before), Some(now)) if before != *now => Kind::Modified,
                _ => panic!("no news about {}", path.display()),
            };
            assert_eq!(*kind, expected, "{}", path.display());
        }
        batch
    }

    /// All that is told of what happened up to now: a file that is written now is told after it.
    pub(super) fn rest(&mut self) -> Vec<Vec<(Kind, String)>> {
        self.marks += 1;
        let mark = format!("mark-{}", self.marks);
        // Whole at once: the end of what is told must not be a half-written mark.
        write(&self.at("mark~"), &mark);
        fs::rename(self.at("mark~"), self.at(&mark)).expect("renamed");
        let mut told = Vec::new();
        loop {
            let mut batch = self.next().changed;
            let end = batch.iter().any(|change| change.path == Path::new(&mark));
            batch.retain(|change| change.path != Path::new(&mark));
            if !batch.is_empty() {
                told.push(batch.into_iter().map(|change| (change.kind, change.path.to_string_lossy().into_owned())).collect());
            }
            if end {
                return told;
            }
        }
    }

    /// Waits until all that is there has been told.
    pub(super) fn catch_up(&mut self) {
        while self.told != disk(&self.root) {
            self.next();
        }
    }

    /// That what was told is what is there.
    pub(super) fn agrees_with_the_disk(&self) {
        let disk = disk(&self.root);
        let differ = |path: &&PathBuf| disk.get(*path) != self.told.get(*path);
        let differ: Vec<_> = disk.keys().chain(self.told.keys()).filter(differ).collect();
        assert!(differ.is_empty(), "told otherwise than it is: {differ:?}");
    }
}

/// What the files below `root` hold, but for git's own and those that the tests ignore.
fn disk(root: &Path) -> BTreeMap<PathBuf, Fingerprint> {
    let mut found = BTreeMap::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).expect("readable").map(|entry| entry.expect("readable")) {
            let name = entry.file_name();
            if entry.file_type().expect("known").is_dir() {
                if name != ".git" && name != "target" {
                    directories.push(entry.path());
                }
            } else if let (true, Some(reading)) =
                (name != ".git" && !name.to_string_lossy().ends_with(".log"), Reading::take(&entry.path()))
            {
                found.insert(entry.path().strip_prefix(root).expect("below it").to_owned(), reading.fingerprint);
            }
        }
    }
    found
}

/// Writes a file in place, and the directories above it.
pub(super) fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a directory")).expect("created");
    fs::write(path, text).expect("written");
}

pub(super) fn created(path: &str) -> (Kind, String) {
    (Kind::Created, path.to_owned())
}

pub(super) fn modified(path: &str) -> (Kind, String) {
    (Kind::Modified, path.to_owned())
}

pub(super) fn removed(path: &str) -> (Kind, String) {
    (Kind::Removed, path.to_owned())
}
