//! What could be wrong with this machine or this checkout: each check has a verdict, what was found, and how to mend it.

pub(crate) mod bundle;
mod checks;
mod facts;

use serde::Serialize;

pub(crate) use checks::all;
pub(crate) use facts::Facts;

use crate::report::{Style, paint};

/// One check's result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Check {
    /// What was checked; the name does not change.
    pub(crate) name: &'static str,
    /// Whether it is as it should be.
    pub(crate) ok: bool,
    /// Whether it is known at all: what did not answer in time is not, and not as it should be.
    pub(crate) known: bool,
    /// What was found.
    pub(crate) detail: String,
    /// A command or sentence that mends it; absent when nothing has to be mended.
    pub(crate) fix: Option<String>,
}

impl Check {
    fn good(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, ok: true, known: true, detail: detail.into(), fix: None }
    }

    fn bad(name: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { name, ok: false, known: true, detail: detail.into(), fix: Some(fix.into()) }
    }

    fn unknown(name: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { known: false, ..Self::bad(name, detail, fix) }
    }
}

/// What `--json` prints. Fields are added, never renamed.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    schema: u32,
    checks: Vec<Check>,
}

impl Report {
    /// Of `checks`.
    pub(crate) fn new(checks: Vec<Check>) -> Self {
        Self { schema: 1, checks }
    }

    /// Whether nothing has to be mended.
    pub(crate) fn ok(&self) -> bool {
        self.checks.iter().all(|check| check.ok)
    }

    /// A line for each check, then what mends those that failed; one fix may mend several.
    pub(crate) fn render(&self) -> String {
        let width = self.checks.iter().map(|check| check.name.len()).max().unwrap_or_default();
        let line = |check: &Check| {
            let verdict = match check {
                Check { ok: true, .. } => paint(Style::Good, "ok     "),
                Check { known: true, .. } => paint(Style::Error, "failed "),
                _ => paint(Style::Warning, "unknown"),
            };
            format!("{verdict}  {:width$}  {}", check.name, check.detail).trim_end().to_owned()
        };
        let mut lines: Vec<String> = self.checks.iter().map(line).collect();
        let mut fixes: Vec<(&str, Vec<&str>)> = Vec::new();
        for (fix, name) in self.checks.iter().filter_map(|check| Some((check.fix.as_deref()?, check.name))) {
            match fixes.iter_mut().find(|(known, _)| *known == fix) {
                Some((_, names)) => names.push(name),
                None => fixes.push((fix, vec![name])),
            }
        }
        if !fixes.is_empty() {
            lines.push(String::new());
        }
        lines.extend(fixes.iter().map(|(fix, names)| format!("fix for {}: {fix}", names.join(", "))));
        lines.join("\n")
    }
}
