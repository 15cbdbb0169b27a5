//! One command at a time changes a stack: two starts of the same one would trip over each other's containers.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::PathBuf;
use std::sync::mpsc;

use anyhow::Context as _;

use crate::interrupt;
use crate::project::Project;
use crate::report::{Failure, Interrupted, Volume};

/// Held by the command that changes a stack; the system takes it back when the process ends, however it ends.
#[derive(Debug)]
#[must_use = "others may change the stack when this goes"]
pub(crate) struct Lock {
    file: File,
}

fn open(project: &Project, extension: &str) -> anyhow::Result<(File, PathBuf)> {
    // Beside what cargo builds: in every checkout, ignored by git, and of no value to anybody.
    let path = project.root.join("target").join(format!("{}.{extension}", project.compose_name()));
    let place = || format!("cannot use {}", path.display());
    std::fs::create_dir_all(path.with_file_name("")).with_context(place)?;
    let file = File::options().read(true).write(true).create(true).truncate(false).open(&path).with_context(place)?;
    Ok((file, path))
}

/// At the end of what the holder says of itself: it only reads.
const READS: &str = " (reads only)";

/// Says in the file who has it.
fn sign(mut file: &File, reads: bool) -> std::io::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let reads = if reads { READS } else { "" };
    file.set_len(0)?;
    file.rewind()?;
    write!(file, "`cargo xtask {}`, process {}{reads}", words.join(" "), std::process::id())
}

/// Who has it; not everywhere can a locked file be read.
fn holder(file: &File) -> String {
    let mut text = String::new();
    let read = file.take(1000).read_to_string(&mut text);
    if read.is_ok() && !text.trim().is_empty() { text } else { "another command".to_owned() }
}

impl Lock {
    /// Says that edits are brought to the stack of `project` by this process alone.
    ///
    /// # Errors
    /// When another one does that.
    pub(crate) fn attach(project: &Project) -> anyhow::Result<Self> {
        let (file, path) = open(project, "dev.lock")?;
        match file.try_lock() {
            Ok(()) => Ok(Self { file }),
            Err(TryLockError::WouldBlock) => Err(Failure::new(format!("another `cargo xtask dev` works on {}", project.compose_name()))
                .hint(format!("`cargo xtask logs --follow{}` shows its logs here as well", project.flags()))
                .into()),
            Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot use {}", path.display())),
        }
    }

    /// Says that this process alone guards the stack of `project`; nothing where another one does.
    ///
    /// # Errors
    /// When the lock file cannot be used.
    pub(crate) fn guard(project: &Project) -> anyhow::Result<Option<Self>> {
        Self::try_take(project, "guard.lock")
    }

    /// Whether somebody brings edits to the stack of `project`, and tends it meanwhile.
    pub(crate) fn is_attached(project: &Project) -> bool {
        Self::is_taken(project, "dev.lock")
    }

    /// Whether a command is changing the stack of `project`. One that only reads its data keeps others away, and leaves its containers alone.
    pub(crate) fn is_changing(project: &Project) -> bool {
        Self::changed_by(project).is_some_and(|holder| !holder.ends_with(READS))
    }

    /// Says that the holder only reads from now on, or that it changes something.
    ///
    /// # Errors
    /// When that cannot be written.
    pub(crate) fn reads(&self, reads: bool) -> std::io::Result<()> {
        sign(&self.file, reads)
    }

    /// Which command is changing the stack of `project`, as far as it can be read; nothing where none is.
    pub(crate) fn changed_by(project: &Project) -> Option<String> {
        let (file, _) = open(project, "lock").ok()?;
        matches!(file.try_lock(), Err(TryLockError::WouldBlock)).then(|| holder(&file))
    }

    /// The process that guards the stack of `project`, as it says of itself.
    pub(crate) fn guard_of(project: &Project) -> Option<u32> {
        let (file, _) = open(project, "guard.lock").ok()?;
        let taken = matches!(file.try_lock(), Err(TryLockError::WouldBlock));
        holder(&file).rsplit_once(", process ").filter(|_| taken)?.1.trim().parse().ok()
    }

    /// Whether the stack of `project` is guarded.
    pub(crate) fn is_guarded(project: &Project) -> bool {
        Self::is_taken(project, "guard.lock")
    }

    /// The right to change the stack of `project`, where nobody else has it now.
    ///
    /// # Errors
    /// When the lock file cannot be used.
    pub(crate) fn take_if_free(project: &Project) -> anyhow::Result<Option<Self>> {
        Self::try_take(project, "lock")
    }

    fn try_take(project: &Project, extension: &str) -> anyhow::Result<Option<Self>> {
        let (file, path) = open(project, extension)?;
        match file.try_lock() {
            Ok(()) => Self::signed(file).map(Some).with_context(|| format!("cannot use {}", path.display())),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot use {}", path.display())),
        }
    }

    fn is_taken(project: &Project, extension: &str) -> bool {
        open(project, extension).is_ok_and(|(file, _)| matches!(file.try_lock(), Err(TryLockError::WouldBlock)))
    }

    /// Waits for its turn on the stack of `project`.
    ///
    /// # Errors
    /// When the lock file cannot be used, or when interrupted while waiting.
    pub(crate) fn take(project: &Project, volume: Volume) -> anyhow::Result<Self> {
        let (file, path) = open(project, "lock")?;
        let place = || format!("cannot use {}", path.display());
        match file.try_lock() {
            Ok(()) => return Self::signed(file).with_context(place),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error).with_context(place),
        }
        volume.say(format!("another command is changing {}; waiting for its end: {}", project.compose_name(), holder(&file)));
        let (send, receive) = mpsc::channel();
        interrupt::listen({
            let send = send.clone();
            // The receiver is gone only when the wait is over.
            move || drop(send.send(None))
        });
        std::thread::spawn(move || drop(send.send(Some(file.lock().map(|()| file)))));
        match receive.recv() {
            Ok(Some(file)) => Self::signed(file.with_context(place)?).with_context(place),
            _ => Err(Interrupted.into()),
        }
    }

    /// The same at once or not at all, for what nobody wants to wait for.
    ///
    /// # Errors
    /// When another command has it: the message says which one.
    pub(crate) fn take_now(project: &Project) -> anyhow::Result<Self> {
        let (file, path) = open(project, "lock")?;
        let place = || format!("cannot use {}", path.display());
        match file.try_lock() {
            Ok(()) => Self::signed(file).with_context(place),
            Err(TryLockError::WouldBlock) => Err(Failure::new(format!("{} is being changed by {}", project.compose_name(), holder(&file)))
                .hint("wait for its end and try again")
                .into()),
            Err(TryLockError::Error(error)) => Err(error).with_context(place),
        }
    }

    fn signed(file: File) -> std::io::Result<Self> {
        sign(&file, false)?;
        Ok(Self { file })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn project(root: &Path, instance: &str) -> Project {
        Project::new(root.to_owned(), "local", Some(instance)).expect("valid names")
    }

    #[test]
    fn one_process_alone_develops_a_stack() {
        let dir = tempfile::tempdir().expect("a directory");
        let first = Lock::attach(&project(dir.path(), "one")).expect("nobody does");
        // Other commands work on it all the same, and others develop other ones.
        Lock::take(&project(dir.path(), "one"), Volume::Quiet).map(drop).expect("nobody has it");
        Lock::attach(&project(dir.path(), "two")).map(drop).expect("nobody does");
        insta::assert_snapshot!(Lock::attach(&project(dir.path(), "one")).expect_err("refused"), @r"
        another `cargo xtask dev` works on slipway-one

        hint: `cargo xtask logs --follow --instance one` shows its logs here as well
        ");
        drop(first);
        Lock::attach(&project(dir.path(), "one")).map(drop).expect("nobody does any more");
    }

    #[test]
    fn whoever_does_not_wait_is_told_who_has_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let first = Lock::take_now(&project(dir.path(), "one")).expect("nobody has it");
        let text = Lock::take_now(&project(dir.path(), "one")).expect_err("refused").to_string();
        assert!(text.starts_with("slipway-one is being changed by `cargo xtask "), "{text}");
        assert!(text.contains(&format!(", process {}\n", std::process::id())), "{text}");
        drop(first);
        Lock::take_now(&project(dir.path(), "one")).map(drop).expect("nobody has it any more");
    }

    #[test]
    fn a_command_that_only_reads_changes_nothing() {
        let dir = tempfile::tempdir().expect("a directory");
        let project = project(dir.path(), "one");
        let lock = Lock::take_now(&project).expect("nobody has it");
        let changing = [false, true, false].map(|reads| {
            lock.reads(reads).expect("written");
            Lock::is_changing(&project)
        });
        assert_eq!(changing, [true, false, true]);
        lock.reads(true).expect("written");
        Lock::take_now(&project).map(drop).expect_err("it keeps others away");
        drop(lock);
        assert!(!Lock::is_changing(&project));
    }

    #[test]
    fn the_second_waits_until_the_first_is_done() {
        let dir = tempfile::tempdir().expect("a directory");
        let first = Lock::take(&project(dir.path(), "one"), Volume::Quiet).expect("nobody has it");
        // Another stack has a lock of its own.
        Lock::take(&project(dir.path(), "two"), Volume::Quiet).map(drop).expect("nobody has it");
        let (send, receive) = mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let second = Lock::take(&project(dir.path(), "one"), Volume::Quiet);
                send.send("second").expect("the test listens");
                second.map(drop).expect("it becomes free");
            });
            send.send("first").expect("the test listens");
            drop(first);
        });
        assert_eq!(receive.iter().take(2).collect::<Vec<_>>(), ["first", "second"]);
    }
}
