//! A secret that a service keeps in its data: the value beside the file while services learn it, and which stacks have learnt that of the file.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::{Secret, file};
use crate::project::Project;

impl Secret {
    /// Whether a service is told the value and keeps it, as a database does the password of a role.
    pub(crate) fn is_remembered(&self) -> bool {
        self.note.rotate.as_ref().is_some_and(|rotate| rotate.stdin.contains("{value}"))
    }

    /// The new value while services learn it. A rotation that was killed leaves it: some of them may know it.
    pub(crate) fn next(&self) -> PathBuf {
        self.file.with_extension("next")
    }

    /// The stacks whose service has learnt the value of the file, a name a line. Without this file the value was never replaced.
    fn learnt_by(&self) -> PathBuf {
        self.file.with_extension("learnt")
    }

    /// The value that the service of `project` has to be told: that of an interrupted rotation, or the one that came while it did not run.
    pub(crate) fn to_learn(&self, project: &Project) -> Option<String> {
        if !self.is_remembered() {
            return None;
        }
        if let Ok(next) = std::fs::read_to_string(self.next()) {
            return Some(next.trim().to_owned());
        }
        let learnt = std::fs::read_to_string(self.learnt_by()).ok()?;
        let known = learnt.lines().any(|name| name == project.compose_name());
        if known { None } else { std::fs::read_to_string(&self.file).ok().map(|value| value.trim().to_owned()) }
    }

    /// Whether a rotation of it was interrupted.
    pub(crate) fn is_half_rotated(&self) -> bool {
        self.is_remembered() && self.next().exists()
    }

    /// Makes `value` that of the file, now that the services of the stacks `names` know it. Where it is there already, they are added to those that do.
    ///
    /// # Errors
    /// When a file cannot be written or removed.
    pub(crate) fn learn(&self, value: &str, names: &[String]) -> anyhow::Result<()> {
        let same = std::fs::read_to_string(&self.file).is_ok_and(|own| own.trim() == value);
        let before = if same { std::fs::read_to_string(self.learnt_by()).unwrap_or_default() } else { String::new() };
        let known: BTreeSet<&str> = before.lines().chain(names.iter().map(String::as_str)).collect();
        // Before the file: a stack that is not named learns it once more, which changes nothing.
        file::write(&self.learnt_by(), &known.into_iter().collect::<Vec<_>>().join("\n"))?;
        if !same {
            file::write(&self.file, value)?;
        }
        match std::fs::remove_file(self.next()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
}
