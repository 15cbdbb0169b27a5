//! Log lines that another command causes: a restore ends connections and forces checkpoints, and none of that is trouble.

use std::collections::BTreeMap;

use crate::lock::Lock;
use crate::logs::{Level, Stamp};
use crate::project::Project;

/// The commands that stop, replace or copy data of a stack that runs.
const OF_DATA: [&str; 3] = ["restore", "snapshot", "backup"];

/// Which lines are left out on the terminal, and how many were.
#[derive(Debug, Default)]
pub(super) struct Aside {
    /// The command that works on the data, and the last moment at which it did.
    command: Option<(String, Stamp)>,
    /// The lines that were left out, by service.
    lines: BTreeMap<String, usize>,
}

impl Aside {
    /// Looks who works on `project` now. Returns what is to be said once a command that lines were left out for has ended.
    pub(super) fn look(&mut self, project: &Project) -> Option<String> {
        let now = Lock::changed_by(project).and_then(|holder| of_data(&holder));
        self.seen(now, Stamp::now()).map(|(command, lines)| {
            let services: Vec<&str> = lines.keys().map(String::as_str).collect();
            let (count, services, flags) = (lines.values().sum::<usize>(), services.join(" "), project.flags());
            format!("`{command}` ended; {count} log lines meanwhile are left out: `cargo xtask logs {services} --since 5m{flags}` has them")
        })
    }

    fn seen(&mut self, command: Option<String>, now: Stamp) -> Option<(String, BTreeMap<String, usize>)> {
        match command {
            Some(command) => {
                self.command = Some((command, now));
                None
            }
            None => {
                let lines = std::mem::take(&mut self.lines);
                let (command, _) = self.command.as_ref().filter(|_| !lines.is_empty())?;
                Some((command.clone(), lines))
            }
        }
    }

    /// Whether a line of `service` from the moment `at` is left out: those of databases, and what others say of their absence.
    pub(super) fn takes(&mut self, at: Stamp, service: &str, level: Option<Level>, is_database: impl FnOnce() -> bool) -> bool {
        let meanwhile = self.command.as_ref().is_some_and(|(_, until)| at <= *until);
        let caused = meanwhile && (level.is_some_and(|level| level >= Level::Warn) || is_database());
        if caused {
            *self.lines.entry(service.to_owned()).or_default() += 1;
        }
        caused
    }
}

/// The command in what the holder of a lock says of itself, where it is one that works on data.
fn of_data(holder: &str) -> Option<String> {
    let command = holder.strip_prefix('`')?.split('`').next()?;
    let name = command.strip_prefix("cargo xtask ")?.split(' ').find(|word| OF_DATA.contains(word))?;
    Some(format!("cargo xtask {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: u8) -> Stamp {
        Stamp::parse(format!("2026-01-01T00:00:{second:02}Z").as_bytes()).expect("a time")
    }

    #[test]
    fn what_a_restore_causes_is_left_out_and_counted() {
        let mut aside = Aside::default();
        let restore = Some("cargo xtask restore".to_owned());
        assert!(!aside.takes(at(1), "db", Some(Level::Error), || true), "nothing works on the data");
        assert_eq!(aside.seen(restore.clone(), at(5)), None);
        let taken = [("db", None), ("backend", Some(Level::Error)), ("backend", Some(Level::Info)), ("db", Some(Level::Info))]
            .map(|(service, level)| aside.takes(at(4), service, level, || service == "db"));
        assert_eq!(taken, [true, true, false, true]);
        assert!(!aside.takes(at(6), "db", Some(Level::Error), || true), "that was afterwards");
        let lines = BTreeMap::from([("backend".to_owned(), 1), ("db".to_owned(), 2)]);
        assert_eq!(aside.seen(None, at(9)), Some(("cargo xtask restore".to_owned(), lines)));
        assert_eq!((aside.seen(None, at(10)), aside.seen(restore, at(11))), (None, None), "it is said once");
    }

    #[test]
    fn the_holder_of_the_lock_says_what_it_does() {
        assert_eq!(of_data("`cargo xtask --env test restore latest --yes`, process 7").as_deref(), Some("cargo xtask restore"));
        assert_eq!(of_data("`cargo xtask snapshot load a`, process 7").as_deref(), Some("cargo xtask snapshot"));
        for other in ["`cargo xtask up`, process 7", "another command", "", "`restore`"] {
            assert_eq!(of_data(other), None, "{other}");
        }
    }
}
