//! Telling: browsers through the hub, which may come and go, and the terminal.

use std::collections::{BTreeMap, BTreeSet};

use super::connect::plain;
use super::diagnostic::Diagnostic;
use super::protocol::{Change, Phase, Problem, State, ToHub};
use crate::logs::{Clock, Stamp};
use crate::process::Conversation;
use crate::report::{Style, Volume, paint};
use crate::statusline::{self, Shown};

/// A file, relative to the workspace, with line and column.
pub(crate) type Place = (String, u64, u64);

/// What is wrong and what is going on, for a hub that comes later, and the way to it.
#[derive(Debug)]
pub(crate) struct Tell {
    volume: Volume,
    hub: Option<Conversation>,
    state: Option<Box<State>>,
    problems: BTreeMap<String, Problem>,
    line: Newest,
    clock: Clock,
}

/// What the status line has to choose from.
#[derive(Debug, Default)]
struct Newest {
    /// The change that was told last.
    change: Option<Change>,
    /// The key of the problem that was told after it.
    problem: Option<String>,
}

impl Tell {
    /// Nothing is known and nobody listens yet.
    pub(crate) fn new(volume: Volume, clock: Clock) -> Self {
        Self { volume, hub: None, state: None, problems: BTreeMap::new(), line: Newest::default(), clock }
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
            // The compiler's text is laid out already. What a program said cannot be taken for a line of ours.
            let text = problem.text.trim_end();
            self.volume.say(if problem.kind == "compile" { text.to_owned() } else { format!("  {}", text.replace('\n', "\n  ")) });
        }
        self.hub(&ToHub::Problem(problem.clone()));
        self.line.problem = Some(problem.key.clone());
        self.problems.insert(problem.key.clone(), problem);
        self.draw();
    }

    /// It is not any more; every problem whose key begins so.
    pub(crate) fn solved(&mut self, prefix: &str) {
        self.solved_but(prefix, &BTreeSet::new());
    }

    /// The same, without these, which are still there.
    pub(crate) fn solved_but(&mut self, prefix: &str, open: &BTreeSet<String>) {
        let solved = |key: &&String| key.starts_with(prefix) && !open.contains(*key);
        let keys: Vec<String> = self.problems.keys().filter(solved).cloned().collect();
        let any = !keys.is_empty();
        for key in keys {
            self.problems.remove(&key);
            self.hub(&ToHub::Solved { key });
        }
        if any {
            self.draw();
        }
    }

    /// Whether a problem with this key is open.
    pub(crate) fn open(&self, key: &str) -> bool {
        self.problems.contains_key(key)
    }

    /// A change went on.
    pub(crate) fn change(&mut self, change: &Change) {
        self.hub(&ToHub::Change(change.clone()));
        self.line = Newest { change: Some(change.clone()), problem: None };
        if statusline::shared().exists() {
            self.draw();
        } else if !under_way(change) {
            self.volume.say(sentence(change, self.clock).whole());
        }
    }

    /// Shows the newest of what is known at the bottom of the terminal.
    fn draw(&self) {
        match newest(&self.line, &self.problems, self.clock) {
            Some(line) if self.volume != Volume::Quiet => statusline::shared().set(line),
            _ => statusline::shared().clear(),
        }
    }
}

fn under_way(change: &Change) -> bool {
    matches!(change.phase, Phase::Building | Phase::Swapping)
}

/// The newest state: the last change, or what is wrong since then. What is solved is gone.
fn newest(line: &Newest, problems: &BTreeMap<String, Problem>, clock: Clock) -> Option<Shown> {
    let change = line.change.as_ref();
    if let Some(change) = change.filter(|change| under_way(change)) {
        return Some(sentence(change, clock));
    }
    let others = |count: usize| if count == 0 { String::new() } else { format!(" (and {count} more)") };
    let newest = line.problem.as_ref().and_then(|key| problems.get(key));
    // Of several, another one is open when the newest is solved.
    if let Some(problem) = newest.or_else(|| problems.values().next_back().filter(|_| line.problem.is_some() || change.is_none())) {
        let others = others(problems.len() - 1);
        let (title, service) = (&problem.title, &problem.service);
        let error = paint(Style::Error, "error:");
        let outcomes = vec![format!("{error} {service}: {title}{others}"), format!("{error} {service}: {title}")];
        return Some(Shown { outcomes, ..Shown::default() });
    }
    let mut shown = sentence(change?, clock);
    if !problems.is_empty() && change.is_some_and(|change| change.phase != Phase::Failed) {
        let open: BTreeSet<&str> = problems.values().map(|problem| problem.service.as_str()).collect();
        let open = paint(Style::Error, &format!(" · error: {}", open.into_iter().collect::<Vec<_>>().join(", ")));
        let with: Vec<String> = shown.outcomes.iter().map(|outcome| format!("{outcome}{open}")).collect();
        shown.outcomes.splice(0..0, with);
    }
    Some(shown)
}

/// What is said about a change and how far it is: at length, and in short for narrow terminals.
fn sentence(change: &Change, clock: Clock) -> Shown {
    let seconds = |ms: u64| format!("{}.{:02} s", ms / 1000, ms % 1000 / 10);
    let built = change.build_ms.map(seconds).unwrap_or_default();
    let to = |what: &str| if change.what.is_empty() { what.to_owned() } else { format!("{what} ({})", change.what.join(", ")) };
    let outcomes = match change.phase {
        _ if change.end.is_some() => change.end.iter().cloned().collect(),
        Phase::Building => vec!["building …".to_owned()],
        Phase::Swapping => vec![format!("built {built} → swapping …"), "swapping …".to_owned()],
        Phase::Cancelled => vec!["goes together with a newer change".to_owned(), "with a newer change".to_owned()],
        Phase::Failed => vec!["is not live: the programs before it go on".to_owned(), "is not live".to_owned()],
        Phase::Done => match (change.swap_ms, change.build_ms) {
            (Some(swapped), _) => {
                let swapped = format!("swapped {}", seconds(swapped));
                vec![to(&format!("built {built} → {swapped}")), swapped]
            }
            (None, Some(_)) => vec![format!("built {built}, no program is another one"), format!("built {built}")],
            (None, None) => vec![to("live"), "live".to_owned()],
        },
    };
    // A path is one line, whatever people name their files.
    let first = change.paths.first().map(|path| path.replace('\n', "\\n")).unwrap_or_default();
    let more = change.paths.len().saturating_sub(1);
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    let time = Stamp::parse(change.at.as_bytes()).map(|at| clock.time(at)).unwrap_or_default();
    Shown {
        before: format!("{time} "), name: first, outcomes: outcomes.into_iter().map(|outcome| format!("{more} → {outcome}")).collect()
    }
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
pub(crate) fn placed(problem: Problem, place: Option<Place>, root: &str) -> Problem {
    let Some((file, line, column)) = place else { return problem };
    let editor = Some(format!("vscode://file/{}/{file}:{line}:{column}", root.trim_start_matches('/')));
    Problem { file: Some(file), line: Some(line), column: Some(column), editor, ..problem }
}

/// The problem that a program of `service` ended like this, whose last words are in `output`.
pub(crate) fn ended(service: &str, title: String, text: String, output: &[String], root: &str) -> Problem {
    let problem = Problem { title, text, ..plain(&format!("start:{service}"), "panic", service) };
    placed(problem, output.iter().find_map(|line| panicked_at(line)), root)
}

/// The places that `text` names as `/PATH:LINE` or `/PATH:LINE:COLUMN`, as programs do.
pub(crate) fn places(text: &str) -> Vec<Place> {
    let place = |word: &str| {
        let mut parts = word.trim_end_matches([':', '.', ',']).splitn(4, ':');
        let (path, line) = (parts.next()?, parts.next()?.parse().ok()?);
        path.starts_with('/').then(|| (path.to_owned(), line, parts.next().and_then(|column| column.parse().ok()).unwrap_or(1)))
    };
    text.split(|c: char| c.is_whitespace() || "\"'`()<>[]".contains(c)).filter_map(place).collect()
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
    use crate::logs::tests::noon;

    fn change(phase: Phase, build_ms: Option<u64>, swap_ms: Option<u64>, paths: &[&str]) -> Change {
        Change {
            id: 1,
            at: "2026-01-01T03:04:05.123456789Z".to_owned(),
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
            phase,
            detect_ms: 20,
            build_ms,
            swap_ms,
            what: vec!["backend".to_owned(), "worker".to_owned()],
            end: None,
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
        let lines: Vec<String> = lines.iter().map(|change| sentence(change, noon()).whole()).collect();
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
    fn the_line_shows_the_newest_state() {
        let problem = |key: &str, title: &str| (key.to_owned(), Problem { title: title.to_owned(), ..plain(key, "compile", "backend") });
        let said = |change: Option<Change>, last: Option<&str>, open: &[(String, Problem)]| {
            let line = Newest { change, problem: last.map(str::to_owned) };
            let shown = newest(&line, &open.iter().cloned().collect(), noon()).map(|shown| shown.whole());
            shown.map(|text| crate::terminal::shown(&text, crate::terminal::Colours::Removed).into_owned()).unwrap_or_default()
        };
        let (one, two) = (problem("compile:backend", "mismatched types"), problem("service:db", "is unhealthy"));
        let done = || Some(change(Phase::Done, None, None, &["a.css"]));
        let building = || Some(change(Phase::Building, None, None, &["a.rs"]));
        let lines = [
            said(None, None, &[]),
            said(None, Some("service:db"), std::slice::from_ref(&two)),
            said(building(), None, std::slice::from_ref(&one)),
            said(building(), Some("compile:backend"), std::slice::from_ref(&one)),
            said(done(), None, &[]),
            said(done(), Some("compile:backend"), std::slice::from_ref(&one)),
            said(done(), Some("compile:backend"), &[one.clone(), two.clone()]),
            said(done(), Some("compile:backend"), std::slice::from_ref(&two)),
            said(done(), Some("compile:backend"), &[]),
            said(done(), None, &[two]),
            said(Some(change(Phase::Failed, None, None, &["a.rs"])), None, &[one]),
        ];
        insta::assert_snapshot!(lines.join("\n"), @r"

        error: backend: is unhealthy
        03:04:05 a.rs → building …
        03:04:05 a.rs → building …
        03:04:05 a.css → live (backend, worker)
        error: backend: mismatched types
        error: backend: mismatched types (and 1 more)
        error: backend: is unhealthy
        03:04:05 a.css → live (backend, worker)
        03:04:05 a.css → live (backend, worker) · error: backend
        03:04:05 a.rs → is not live: the programs before it go on
        ");
    }

    #[test]
    fn a_change_may_say_itself_how_it_ended() {
        let change = Change { end: Some("waits for db: it has no container".to_owned()), ..change(Phase::Done, None, None, &["a"]) };
        assert_eq!(sentence(&change, noon()).whole(), "03:04:05 a → waits for db: it has no container");
    }

    #[test]
    fn places_are_found_in_what_programs_say() {
        let nginx = "nginx: [emerg] unknown directive \"x\" in /etc/slipway-proxy/a.conf:12\nnginx: test failed";
        let place = |path: &str, line, column| (path.to_owned(), line, column);
        assert_eq!(places(nginx), [place("/etc/slipway-proxy/a.conf", 12, 1)]);
        assert_eq!(places("error: /srv/a.html:3:7: no, `/b c`, /d:x, http://e:80"), [place("/srv/a.html", 3, 7)]);
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
