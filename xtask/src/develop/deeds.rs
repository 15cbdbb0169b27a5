//! What the development loop has done on threads of their own, because the engine takes its time: command lines in, an outcome for people out.

use std::path::{Path, PathBuf};

use crate::commands;
use crate::model::{Action, Reload};
use crate::process::Invocation;

/// How long a container may take to end before it is killed, in seconds: as long as Compose gives it.
pub(crate) const GRACE: u32 = 10;

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

/// The command lines for one of Compose's own rules, for a file below `root`; a rule that builds is not done here.
pub(crate) fn rule(root: &Path, container: &str, action: Action, path: &Path, target: Option<&str>) -> Vec<Invocation> {
    let host: PathBuf = root.join(path);
    let copy = target.map(|target| match host.exists() {
        true => commands::engine::copy(&host.display().to_string(), container, target),
        false => commands::engine::run_in(container, &["rm".to_owned(), "-rf".to_owned(), target.to_owned()]),
    });
    let restart = commands::engine::restart(&[container.to_owned()], GRACE);
    match action {
        Action::Sync => copy.into_iter().collect(),
        Action::SyncRestart => copy.into_iter().chain([restart]).collect(),
        Action::Restart => vec![restart],
        Action::Rebuild => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_become_command_lines() {
        let lines = |action, path: &str| -> Vec<String> {
            let invocations = rule(Path::new(env!("CARGO_MANIFEST_DIR")), "c1", action, Path::new(path), Some("/app/x"));
            invocations.iter().map(|invocation| invocation.to_string().replace(env!("CARGO_MANIFEST_DIR"), "/repo")).collect()
        };
        assert_eq!(lines(Action::Sync, "Cargo.toml"), ["docker container cp /repo/Cargo.toml c1:/app/x"]);
        assert_eq!(lines(Action::Sync, "gone"), ["docker container exec c1 rm -rf /app/x"]);
        assert_eq!(lines(Action::SyncRestart, "Cargo.toml").len(), 2);
        assert_eq!(lines(Action::Restart, "Cargo.toml"), ["docker container restart --time 10 c1"]);
        assert!(lines(Action::Rebuild, "Cargo.toml").is_empty());
    }

    #[test]
    fn a_failure_says_what_was_written() {
        let sh = |script: &str| perform(&Invocation::new("sh").args(["-c", script]));
        assert_eq!(sh("true"), Ok(()));
        assert_eq!(sh("echo out; echo err >&2; exit 1"), Err("out\nerr".to_owned()));
    }
}
