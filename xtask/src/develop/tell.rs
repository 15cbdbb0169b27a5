//! Telling: browsers through the hub, which may come and go, and the terminal.

use std::collections::{BTreeMap, BTreeSet};

use super::connect::plain;
use super::diagnostic::Diagnostic;
use super::protocol::{Change, Phase, Problem, State, ToHub};
use crate::process::Conversation;
use crate::report::{Style, Volume, paint};
use crate::statusline;

/// A file, relative to the workspace, with line and column.
type Place = (String, u64, u64);

/// What is wrong and what is going on, for a hub that comes later, and the way to it.
#[derive(Debug)]
pub(crate) struct Tell {
    volume: Volume,
    hub: Option<Conversation>,
    state: Option<Box<State>>,
    problems: BTreeMap<String, Problem>,
}

impl Tell {
    /// Nothing is known and nobody listens yet.
    pub(crate) fn new(volume: Volume) -> Self {
        Self { volume, hub: None, state: None, problems: BTreeMap::new() }
    }

    /// A hub came, or went.
    pub(crate) fn connect(&mut self, hub: Option<Conversation>) {
        if let Some(old) = std::mem::replace(&mut self.hub, hub) {
            old.close();
        }
        let problems: Vec<ToHub> = self.problems.values().cloned().map(ToHub::Problem).collect();
        for message in self.state.clone().map(ToHub::State).into_iter().chain(problems) {
            self.hub(&message);
        }
    }

    /// Tells the hub.
    pub(crate) fn hub(&self, message: &ToHub) {
        if let Some(hub) = &self.hub
            && let Ok(line) = serde_json::to_string(message)
        {
            hub.send(&line);
        }
    }

    /// The stack is like this now.
    pub(crate) fn state(&mut self, state: State) {
        let state = Box::new(state);
        if self.state.as_ref() != Some(&state) {
            self.hub(&ToHub::State(state.clone()));
            self.state = Some(state);
        }
    }

    /// Something is wrong.
    pub(crate) fn problem(&mut self, problem: Problem) {
        self.volume.say(format!("{} {}: {}", paint(Style::Error, "error:"), problem.service, problem.title));
        if problem.text != problem.title && !problem.text.is_empty() {
            self.volume.say(problem.text.trim_end());
        }
        self.hub(&ToHub::Problem(problem.clone()));
        self.problems.insert(problem.key.clone(), problem);
    }

    /// It is not any more; every problem whose key begins so.
    pub(crate) fn solved(&mut self, prefix: &str) {
        self.solved_but(prefix, &BTreeSet::new());
    }

    /// The same, without these, which are still there.
    pub(crate) fn solved_but(&mut self, prefix: &str, open: &BTreeSet<String>) {
        let solved = |key: &&String| key.starts_with(prefix) && !open.contains(*key);
        let keys: Vec<String> = self.problems.keys().filter(solved).cloned().collect();
        for key in keys {
            self.problems.remove(&key);
            self.hub(&ToHub::Solved { key });
        }
    }

    /// Whether a problem with this key is open.
    pub(crate) fn open(&self, key: &str) -> bool {
        self.problems.contains_key(key)
    }

    /// A change went on.
    pub(crate) fn change(&self, change: &Change) {
        self.hub(&ToHub::Change(change.clone()));
        if self.volume != Volume::Quiet {
            let line = sentence(change);
            match change.phase {
                Phase::Building | Phase::Swapping => statusline::shared().set(&line),
                Phase::Done | Phase::Failed | Phase::Cancelled => statusline::shared().finish(&line),
            }
        }
    }
}

/// One line about a change and how far it is.
fn sentence(change: &Change) -> String {
    // One line, whatever people name their files.
    let first: String = change.paths.first().iter().flat_map(|path| path.chars()).map(|c| if c.is_control() { '?' } else { c }).collect();
    let what = match change.paths.len() {
        0 | 1 => first,
        more => format!("{first} and {} more", more - 1),
    };
    let seconds = |ms: Option<u64>| ms.map(|ms| format!("{}.{:02} s", ms / 1000, ms % 1000 / 10)).unwrap_or_default();
    let end = match change.phase {
        Phase::Building => "building …".to_owned(),
        Phase::Swapping => format!("built {} → swapping …", seconds(change.build_ms)),
        Phase::Cancelled => "goes together with a newer change".to_owned(),
        Phase::Failed => "is not live: the programs before it go on".to_owned(),
        Phase::Done if change.swap_ms.is_some() => {
            format!("built {} → swapped {} ({})", seconds(change.build_ms), seconds(change.swap_ms), change.what.join(", "))
        }
        Phase::Done if change.build_ms.is_some() => format!("built {}, no program is another one", seconds(change.build_ms)),
        Phase::Done if change.what.is_empty() => "live".to_owned(),
        Phase::Done => format!("live ({})", change.what.join(", ")),
    };
    format!("{} {what} → {end}", change.at.get(11..19).unwrap_or_default())
}

/// The problem that `diagnostic` is; `root` is where the workspace is on the host.
pub(crate) fn problem(diagnostic: &Diagnostic, root: &str) -> Problem {
    let problem = Problem {
        title: diagnostic.title.clone(),
        text: diagnostic.text.clone(),
        ..plain(&format!("compile:{}", diagnostic.package), "compile", &diagnostic.package)
    };
    placed(problem, diagnostic.place.clone(), root)
}

/// The same problem, with the place in the workspace that it is about.
fn placed(problem: Problem, place: Option<Place>, root: &str) -> Problem {
    let Some((file, line, column)) = place else { return problem };
    let editor = Some(format!("vscode://file/{}/{file}:{line}:{column}", root.trim_start_matches('/')));
    Problem { file: Some(file), line: Some(line), column: Some(column), editor, ..problem }
}

/// The problem that a program of `service` ended like this, whose last words are in `output`.
pub(crate) fn ended(service: &str, title: String, text: String, output: &[String], root: &str) -> Problem {
    let problem = Problem { title, text, ..plain(&format!("start:{service}"), "panic", service) };
    placed(problem, output.iter().find_map(|line| panicked_at(line)), root)
}

/// Where a program panicked, from the line in which it says so; nothing for a place that is not in the workspace.
fn panicked_at(line: &str) -> Option<Place> {
    let (_, place) = line.split_once(" panicked at ")?;
    let mut parts = place.trim_end().trim_end_matches(':').rsplitn(3, ':');
    let (column, line, file) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?);
    (!file.starts_with('/')).then(|| (file.to_owned(), line, column))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(phase: Phase, build_ms: Option<u64>, swap_ms: Option<u64>, paths: &[&str]) -> Change {
        Change {
            id: 1,
            at: "2026-01-02T03:04:05.123456789Z".to_owned(),
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
            phase,
            detect_ms: 20,
            build_ms,
            swap_ms,
            what: vec!["backend".to_owned(), "worker".to_owned()],
        }
    }

    #[test]
    fn a_change_is_one_line() {
        let lines = [
            change(Phase::Done, Some(1830), Some(120), &["backend/src/a.rs"]),
            change(Phase::Done, Some(310), None, &["backend/README.md", "b"]),
            change(Phase::Done, None, None, &["frontend/static/app.css"]),
            change(Phase::Failed, None, None, &["a", "b", "c"]),
            change(Phase::Building, None, None, &["a"]),
            change(Phase::Swapping, Some(1830), None, &["a"]),
        ];
        let lines: Vec<String> = lines.iter().map(sentence).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        03:04:05 backend/src/a.rs → built 1.83 s → swapped 0.12 s (backend, worker)
        03:04:05 backend/README.md and 1 more → built 0.31 s, no program is another one
        03:04:05 frontend/static/app.css → live (backend, worker)
        03:04:05 a and 2 more → is not live: the programs before it go on
        03:04:05 a → building …
        03:04:05 a → built 1.83 s → swapping …
        ");
    }

    #[test]
    fn a_diagnostic_leads_to_its_place() {
        let place = Some(("backend/src/a.rs".to_owned(), 3, 7));
        let diagnostic = Diagnostic { error: true, package: "backend".to_owned(), title: "t".to_owned(), text: "x".to_owned(), place };
        let problem = problem(&diagnostic, "/home/me/slipway");
        assert_eq!(problem.editor.as_deref(), Some("vscode://file/home/me/slipway/backend/src/a.rs:3:7"));
        assert_eq!((problem.key.as_str(), problem.line), ("compile:backend", Some(3)));
    }

    #[test]
    fn a_panic_leads_to_its_place_in_the_workspace() {
        let panic = "thread 'main' (83) panicked at backend/src/main.rs:7:5:";
        assert_eq!(panicked_at(panic), Some(("backend/src/main.rs".to_owned(), 7, 5)));
        for other in ["thread 'main' panicked at /usr/lib/x/lib.rs:7:5:", "thread 'main' panicked at somewhere", "run aground", ""] {
            assert_eq!(panicked_at(other), None, "{other}");
        }
        let output = ["".to_owned(), panic.to_owned()];
        let problem = ended("backend", "t".to_owned(), "x".to_owned(), &output, "/home/me/slipway");
        assert_eq!(problem.editor.as_deref(), Some("vscode://file/home/me/slipway/backend/src/main.rs:7:5"));
        assert_eq!((problem.key.as_str(), problem.kind, problem.line), ("start:backend", "panic", Some(7)));
    }
}
