//! What the development loop has done on threads of their own, because the engine takes its time: command lines in, an outcome for people out.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use crate::commands;
use crate::model::Reload;
use crate::process::Invocation;

/// How a deed ended: nothing to say, or the reason why not, with everything that was written about it.
pub(crate) type Outcome = Result<(), String>;

/// Runs `invocation`; whatever it wrote is the reason when it fails.
pub(crate) fn perform(invocation: &Invocation) -> Outcome {
    match invocation.capture() {
        Ok(output) if output.code == 0 => Ok(()),
        Ok(output) => Err(format!("{}{}", output.stdout, output.stderr).trim().to_owned()),
        Err(error) => Err(format!("{error:#}")),
    }
}

/// Lets the service in `containers` reload its files, if all of them find them good.
pub(crate) fn reload(containers: &[String], reload: &Reload) -> Outcome {
    let all = |command: &[String]| containers.iter().try_for_each(|id| perform(&commands::engine::run_in(id, command)));
    all(&reload.check)?;
    reload.apply.as_deref().map_or(Ok(()), all)
}

/// What the files and directories `paths` hold, as a number: the same number, the same content.
pub(crate) fn fingerprint(paths: &[PathBuf]) -> u64 {
    let mut hasher = DefaultHasher::new();
    for path in paths {
        hash(path, &mut hasher);
    }
    hasher.finish()
}

fn hash(path: &Path, hasher: &mut DefaultHasher) {
    path.hash(hasher);
    if let Ok(entries) = path.read_dir() {
        let mut inside: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        inside.sort();
        inside.iter().for_each(|path| hash(path, hasher));
    } else {
        // A file that is gone is a difference as well.
        std::fs::read(path).ok().hash(hasher);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_content_is_another_number() {
        let dir = tempfile::tempdir().expect("a directory");
        let (file, paths) = (dir.path().join("conf/a.conf"), [dir.path().join("conf")]);
        std::fs::create_dir(&paths[0]).expect("made");
        let numbers = ["one", "two", "one"].map(|text| {
            std::fs::write(&file, text).expect("written");
            fingerprint(&paths)
        });
        assert!(numbers[0] == numbers[2] && numbers[0] != numbers[1]);
        std::fs::remove_file(&file).expect("removed");
        assert_ne!(fingerprint(&paths), numbers[0]);
    }

    #[test]
    fn a_failure_says_what_was_written() {
        let sh = |script: &str| perform(&Invocation::new("sh").args(["-c", script]));
        assert_eq!(sh("true"), Ok(()));
        assert_eq!(sh("echo out; echo err >&2; exit 1"), Err("out\nerr".to_owned()));
    }
}
