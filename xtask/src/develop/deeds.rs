//! What the development loop has done on threads of their own, because the engine takes its time: command lines in, an outcome for people out.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};

use crate::commands;
use crate::model::{Action, Reload};
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

/// Lets the service in `container` take its files anew, if it finds them good.
pub(crate) fn reload(container: &str, reload: &Reload) -> Outcome {
    perform(&commands::engine::run_in(container, &reload.check))?;
    perform(&commands::engine::run_in(container, &reload.apply))
}

/// A file that a rule of Compose is about: where it is below the root, and in the container.
pub(crate) type Ruled = (Action, PathBuf, Option<String>);

/// The command lines for Compose's own rules about files below `root`, for one container: what changed is copied, and one restart follows where any
/// rule asks for it. A rule that builds is not done here.
pub(crate) fn follow(root: &Path, container: &str, files: &[Ruled]) -> Vec<Invocation> {
    let mut lines = Vec::new();
    for (action, path, target) in files {
        let (Action::Sync | Action::SyncRestart, Some(target)) = (action, target) else { continue };
        let host = root.join(path);
        if !host.exists() {
            lines.push(run_in(container, &["rm", "-rf", target]));
            continue;
        }
        if let Some((directory, _)) = target.rsplit_once('/').filter(|(directory, _)| !directory.is_empty()) {
            lines.push(run_in(container, &["mkdir", "-p", directory]));
        }
        lines.push(commands::engine::copy(&host.display().to_string(), container, target));
    }
    lines.dedup();
    if files.iter().any(|(action, ..)| matches!(action, Action::Restart | Action::SyncRestart)) {
        lines.push(commands::engine::restart(&[container.to_owned()]));
    }
    lines
}

fn run_in(container: &str, command: &[&str]) -> Invocation {
    commands::engine::run_in(container, &command.iter().map(|&part| part.to_owned()).collect::<Vec<_>>())
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
    fn rules_become_command_lines() {
        let lines = |files: &[(Action, &str)]| -> Vec<String> {
            let files: Vec<Ruled> =
                files.iter().map(|(action, path)| (*action, PathBuf::from(path), Some(format!("/app/{path}")))).collect();
            let lines = follow(Path::new(env!("CARGO_MANIFEST_DIR")), "c1", &files);
            lines.iter().map(|line| line.to_string().replace(env!("CARGO_MANIFEST_DIR"), "/repo")).collect()
        };
        let copied = ["docker container exec c1 mkdir -p /app", "docker container cp /repo/Cargo.toml c1:/app/Cargo.toml"];
        assert_eq!(lines(&[(Action::Sync, "Cargo.toml")]), copied);
        assert_eq!(lines(&[(Action::Sync, "gone")]), ["docker container exec c1 rm -rf /app/gone"]);
        let restarted = lines(&[(Action::SyncRestart, "Cargo.toml"), (Action::SyncRestart, "src/main.rs"), (Action::Restart, "x")]);
        assert_eq!((restarted.len(), restarted.last().map(String::as_str)), (5, Some("docker container restart c1")), "one, at the end");
        assert!(lines(&[(Action::Rebuild, "Cargo.toml"), (Action::Unknown, "x")]).is_empty());
    }

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
