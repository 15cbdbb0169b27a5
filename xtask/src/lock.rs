//! One command at a time changes a stack: two starts of the same one would trip over each other's containers.

use std::fs::{File, TryLockError};
use std::sync::mpsc;

use anyhow::Context as _;

use crate::interrupt;
use crate::project::Project;
use crate::report::{Interrupted, Volume};

/// Held by the command that changes a stack; the system takes it back when the process ends, however it ends.
#[derive(Debug)]
#[must_use = "others may change the stack when this goes"]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    /// Waits for its turn on the stack of `project`.
    ///
    /// # Errors
    /// When the lock file cannot be used, or when interrupted while waiting.
    pub(crate) fn take(project: &Project, volume: Volume) -> anyhow::Result<Self> {
        // Beside what cargo builds: in every checkout, ignored by git, and of no value to anybody.
        let path = project.root.join("target").join(format!("{}.lock", project.compose_name()));
        let place = || format!("cannot use {}", path.display());
        std::fs::create_dir_all(path.with_file_name("")).with_context(place)?;
        let file = File::create(&path).with_context(place)?;
        match file.try_lock() {
            Ok(()) => return Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(error)) => return Err(error).with_context(place),
        }
        volume.say(format!("another command is changing {}; waiting for its end", project.compose_name()));
        let (send, receive) = mpsc::channel();
        interrupt::listen({
            let send = send.clone();
            // The receiver is gone only when the wait is over.
            move || drop(send.send(None))
        });
        std::thread::spawn(move || drop(send.send(Some(file.lock().map(|()| file)))));
        match receive.recv() {
            Ok(Some(file)) => Ok(Self { _file: file.with_context(place)? }),
            _ => Err(Interrupted.into()),
        }
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
