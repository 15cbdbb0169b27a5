//! What was restarted without being asked to, and why. Pure, but for the place of the guard's log.

use std::path::PathBuf;

use serde::Serialize;

use crate::engine::containers::Container;
use crate::engine::ends::End;
use crate::logs::Stamp;
use crate::project::Project;

/// What stands between the service and the output of its health check in the guard's log.
const WORDS: &str = " is unhealthy and is restarted: ";

/// How a line of the guard's log ends where it gives a service up.
const GIVEN_UP: &str = "; restarts did not help";

/// One restart of a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Restart {
    /// When, RFC 3339.
    pub(super) at: String,
    /// Why.
    pub(super) why: String,
}

/// Where the guard of `project` writes down what it does.
pub(super) fn log(project: &Project) -> PathBuf {
    project.root.join("target").join(format!("{}.guard.log", project.compose_name()))
}

/// The restarts of `service` that the guard's `log` tells of, from `since` (RFC 3339) on, oldest first.
pub(super) fn by_guard(log: &str, service: &str, since: &str) -> Vec<Restart> {
    let since = Stamp::parse(since.as_bytes()).unwrap_or_default();
    let restart = |line: &str| {
        let (at, rest) = line.split_once(' ')?;
        let output = rest.strip_prefix(service)?.strip_prefix(WORDS)?.trim();
        Stamp::parse(at.as_bytes()).filter(|at| *at >= since)?;
        let output = if output.is_empty() { "without a word" } else { output };
        Some(Restart { at: at.to_owned(), why: format!("its health check failed: {output}") })
    };
    log.lines().filter_map(restart).collect()
}

/// Whether the guard's `log` says that it gave `service` up at or after `since` (RFC 3339), when that was last started.
pub(super) fn given_up(log: &str, service: &str, since: &str) -> bool {
    let since = Stamp::parse(since.as_bytes()).unwrap_or_default();
    let of = |line: &str| {
        let (at, rest) = line.split_once(' ')?;
        rest.strip_prefix(service)?.strip_prefix(": ")?.strip_suffix(GIVEN_UP)?;
        // The log has whole seconds.
        Stamp::parse(at.as_bytes()).filter(|at| at.0 + 1_000_000_000 > since.0)
    };
    log.lines().any(|line| of(line).is_some())
}

/// The last time that the engine started `container` again because it had ended.
pub(super) fn by_engine(container: &Container, end: Option<&End>) -> Option<Restart> {
    let state = &container.state;
    let own = || End { exit_code: state.exit_code, out_of_memory: state.oom_killed };
    // Once the next run has begun, only the event of the end has its exit code.
    let end = if container.running() { end.copied() } else { Some(own()) };
    let why = match end {
        Some(End { out_of_memory: true, .. }) => "out of memory: it reached its limit".to_owned(),
        Some(End { exit_code, .. }) => format!("it ended with exit code {exit_code}"),
        None => "it ended, and the engine has forgotten its exit code".to_owned(),
    };
    (container.restart_count > 0).then(|| Restart { at: state.finished_at.clone(), why })
}

/// The later one.
pub(super) fn latest(guard: Option<&Restart>, engine: Option<Restart>) -> Option<Restart> {
    guard.cloned().into_iter().chain(engine).max_by_key(|restart| Stamp::parse(restart.at.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::containers::tests::sample;

    const LOG: &str = "\
2026-01-01T00:00:09Z backend is unhealthy and is restarted: of the container before
2026-01-01T00:00:10Z backend is unhealthy and is restarted: error: 127.0.0.1:8000 does not answer
a second line of that
2026-01-01T00:00:30Z backend2 is unhealthy and is restarted: another one
2026-01-01T00:00:40Z backend is unhealthy and is restarted: \nslipway is guarded already
2026-01-01T00:00:50Z backend: its health check fails; restarts did not help
backend is unhealthy and is restarted: without a time
";

    #[test]
    fn the_guards_log_is_read() {
        let found = by_guard(LOG, "backend", "2026-01-01T00:00:09.5Z");
        let found: Vec<(&str, &str)> = found.iter().map(|restart| (&restart.at[17..], restart.why.as_str())).collect();
        assert_eq!(
            found,
            [("10Z", "its health check failed: error: 127.0.0.1:8000 does not answer"), ("40Z", "its health check failed: without a word")]
        );
        let given_up = |service: &str, since: &str| given_up(LOG, service, since);
        assert!(given_up("backend", "2026-01-01T00:00:50.5Z") && !given_up("backend", "2026-01-01T00:00:51Z"));
        assert!(!given_up("backend2", "2026-01-01T00:00:00Z") && !given_up("back", "2026-01-01T00:00:00Z"));
        assert_eq!(by_guard(LOG, "db", "2026-01-01T00:00:00Z"), []);
        assert_eq!(by_guard("", "backend", "2026-01-01T00:00:00Z"), []);
    }

    #[test]
    fn the_engine_says_why_as_long_as_it_knows() {
        let why = |status: &str, end: Option<End>| by_engine(&sample("db", status, None), end.as_ref()).map(|restart| restart.why);
        let end = |out_of_memory| Some(End { exit_code: 137, out_of_memory });
        assert_eq!(why("running", end(false)).as_deref(), Some("it ended with exit code 137"));
        assert_eq!(why("running", end(true)).as_deref(), Some("out of memory: it reached its limit"));
        assert_eq!(why("running", None).as_deref(), Some("it ended, and the engine has forgotten its exit code"));
        assert_eq!(why("restarting", end(true)).as_deref(), Some("it ended with exit code 0"), "its own state is newer");
        let mut calm = sample("db", "running", None);
        calm.restart_count = 0;
        assert_eq!(by_engine(&calm, end(false).as_ref()), None, "somebody else restarted it");
    }

    #[test]
    fn the_later_one_counts() {
        let restart = |at: &str| Restart { at: at.to_owned(), why: String::new() };
        let (early, late) = (restart("2026-01-01T00:00:10Z"), restart("2026-01-01T00:00:10.5Z"));
        assert_eq!(latest(Some(&early), Some(late.clone())), Some(late.clone()));
        assert_eq!(latest(Some(&late), Some(early.clone())), Some(late));
        assert_eq!(latest(None, Some(early.clone())), Some(early));
        assert_eq!(latest(None, None), None);
    }
}
