//! A swap that is interrupted anywhere and done again ends as one that was not.

use std::cell::Cell;
use std::collections::BTreeMap;

use super::*;

fn volume(root: &Path) -> Volume {
    Volume::at(root.to_owned())
}

fn fill(directory: &Path, names: &[&str], text: &str) {
    for name in names {
        let path = directory.join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        std::fs::write(path, text).expect("a file");
    }
}

/// All files with their content, below our own directory too.
fn content(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut directories = vec![root.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in directory.read_dir().expect("readable").flatten() {
            let path = entry.path();
            if path.is_dir() {
                directories.push(path);
            } else {
                let name = path.strip_prefix(root).expect("below").to_string_lossy().into_owned();
                found.insert(name, std::fs::read_to_string(&path).expect("text"));
            }
        }
    }
    found
}

fn staged(root: &Path) -> Volume {
    fill(root, &["a", "same", "old-only/b"], "old");
    let volume = volume(root);
    let new = volume.stage().expect("staged");
    fill(&new, &["same", "new-only/c", "d"], "new");
    let as_it_is = Root::of(root).expect("a root");
    volume.seal(Root { mode: 0o750, ..as_it_is }).expect("sealed");
    volume
}

fn after() -> BTreeMap<String, String> {
    let kept = |name: &str| (format!(".slipway/snapshots/before/{name}"), "old".to_owned());
    let new = |name: &str| (name.to_owned(), "new".to_owned());
    BTreeMap::from([new("same"), new("new-only/c"), new("d"), kept("a"), kept("same"), kept("old-only/b")])
}

#[test]
fn what_was_there_is_kept_and_what_is_new_is_there() {
    let dir = tempfile::tempdir().expect("a directory");
    let volume = staged(dir.path());
    volume.swap("before").expect("swapped");
    assert_eq!(content(dir.path()), after());
    assert_eq!(Root::of(dir.path()).expect("a root").mode, 0o750);
    // Done again it does nothing.
    volume.swap("before").expect("swapped");
    assert_eq!(content(dir.path()), after());
}

#[test]
fn what_belongs_to_the_file_system_or_to_us_stays_and_is_in_nobodys_way() {
    let dir = tempfile::tempdir().expect("a directory");
    let volume = staged(dir.path());
    let new = dir.path().join(".slipway/new");
    fill(dir.path(), &["lost+found/f"], "here");
    // As in an archive of another volume, or in one that somebody made up.
    fill(&new, &["lost+found/f", ".slipway/f"], "there");
    volume.swap("before").expect("swapped");
    let mut expected = after();
    expected.insert("lost+found/f".to_owned(), "here".to_owned());
    assert_eq!(content(dir.path()), expected);
}

#[test]
fn what_was_not_sealed_is_never_swapped() {
    let dir = tempfile::tempdir().expect("a directory");
    fill(dir.path(), &["a"], "old");
    let volume = volume(dir.path());
    fill(&volume.stage().expect("staged"), &["b"], "new");
    volume.swap("before").expect("nothing to do");
    volume.discard().expect("discarded");
    assert_eq!(content(dir.path()), BTreeMap::from([("a".to_owned(), "old".to_owned())]));
}

thread_local! {
    /// How many steps this thread takes until it is interrupted.
    static LEFT: Cell<u32> = const { Cell::new(u32::MAX) };
}

/// Interrupts the thread where the test wants it.
pub(super) fn interrupt() -> anyhow::Result<()> {
    let left = LEFT.get();
    LEFT.set(left.saturating_sub(1));
    anyhow::ensure!(left > 0, "interrupted");
    Ok(())
}

#[test]
fn an_interruption_anywhere_is_finished_by_the_next_run() {
    for steps in 0.. {
        let dir = tempfile::tempdir().expect("a directory");
        let volume = staged(dir.path());
        LEFT.set(steps);
        let first = volume.swap("before");
        LEFT.set(u32::MAX);
        // Nothing is ever lost, wherever it is.
        let texts = |text: &str| content(dir.path()).values().filter(|found| *found == text).count();
        assert_eq!((texts("old"), texts("new")), (3, 3), "after {steps} steps");
        volume.swap("before").expect("finished");
        assert_eq!(content(dir.path()), after(), "after {steps} steps");
        if first.is_ok() {
            assert!(steps > 12, "it takes {steps} steps in all");
            return;
        }
    }
}

/// Two interruptions, the second one while the first is mended.
#[test]
fn an_interrupted_recovery_is_finished_as_well() {
    for (first, second) in (0..20).flat_map(|first| (0..20).map(move |second| (first, second))) {
        let dir = tempfile::tempdir().expect("a directory");
        let volume = staged(dir.path());
        for steps in [first, second] {
            LEFT.set(steps);
            let _ = volume.swap("before");
        }
        LEFT.set(u32::MAX);
        volume.swap("before").expect("finished");
        assert_eq!(content(dir.path()), after(), "after {first} and {second} steps");
    }
}
