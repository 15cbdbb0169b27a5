//! What is said when a start fails: the service, what waited for it and since when, its last words, and the next command.

use std::time::Duration;

use super::machine::{Entry, Phase, Startup};
use crate::model::Condition;
use crate::report::{Failure, human};

/// What the engine knows about a failed service.
#[derive(Clone, Debug, Default)]
pub(crate) struct Evidence {
    /// The output of its last health check.
    pub(crate) last_check: Option<String>,
    /// Its last log lines.
    pub(crate) log: Vec<String>,
}

/// The error for a start in which `service` failed.
pub(crate) fn failed(startup: &Startup, service: &str, evidence: &Evidence, flags: &str) -> Failure {
    let (reason, took, since) = match startup.get(service).map(Entry::phase) {
        Some(Phase::Failed { begun, at, reason }) => (reason, at.saturating_sub(begun), at),
        _ => ("did not start".to_owned(), Duration::ZERO, Duration::ZERO),
    };
    let mut failure = Failure::new(format!("`{service}` failed to start: {reason}, after {}", human(took)));
    for (name, entry) in startup.services() {
        for (_, need) in entry.needs.iter().filter(|(need, _)| need == service) {
            failure = failure.detail(format!(
                "`{name}` needs `{service}` {} and has waited since the start, {} ago",
                to_be(need.condition),
                human(since)
            ));
        }
    }
    let direct = |name: &str| startup.get(name).is_some_and(|entry| entry.needs.iter().any(|(need, _)| need == service));
    let further: Vec<String> =
        startup.dependents(service).into_iter().filter(|name| !direct(name)).map(|name| format!("`{name}`")).collect();
    if !further.is_empty() {
        failure = failure.detail(format!("{} in turn {} for those", further.join(", "), if further.len() == 1 { "waits" } else { "wait" }));
    }
    describe(failure, service, evidence).hint(format!("`cargo xtask logs {service}{flags}` shows more")).hint(again(flags))
}

/// What is said of `service`, which failed and which all can do without.
pub(crate) fn done_without(startup: &Startup, service: &str, evidence: &Evidence, flags: &str) -> Failure {
    let reason = match startup.get(service).map(Entry::phase) {
        Some(Phase::Failed { reason, .. }) => reason,
        _ => "did not start".to_owned(),
    };
    let failure = Failure::new(format!("`{service}` {reason}; everything that needs it has `required: false`, so the start goes on"));
    describe(failure, service, evidence).hint(format!("`cargo xtask logs {service}{flags}` shows more"))
}

/// The error for a start that is not done after `limit`.
pub(crate) fn late(startup: &Startup, limit: Duration, evidence: &[(String, Evidence)], flags: &str) -> Failure {
    let names: Vec<String> = evidence.iter().map(|(name, _)| format!("`{name}`")).collect();
    let be = if names.len() == 1 { "is" } else { "are" };
    let mut failure = Failure::new(format!("{} {be} not ready after {}", names.join(", "), human(limit)));
    for (name, evidence) in evidence {
        let waiting: Vec<String> = startup.dependents(name).into_iter().map(|name| format!("`{name}`")).collect();
        if let Some(Phase::Starting { begun }) = startup.get(name).map(Entry::phase) {
            let waiting = if waiting.is_empty() { String::new() } else { format!("; needed by {}", waiting.join(", ")) };
            failure = failure.detail(format!("`{name}` was started at {}{waiting}", human(begun)));
        }
        failure = describe(failure, name, evidence);
    }
    let first = evidence.first().map_or("", |(name, _)| name);
    failure.hint(format!("`cargo xtask logs {first}{flags}` shows more")).hint(again(flags))
}

fn to_be(condition: Condition) -> &'static str {
    match condition {
        Condition::Started => "to run",
        Condition::Healthy => "to be healthy",
        Condition::Completed => "to complete",
    }
}

fn describe(mut failure: Failure, service: &str, evidence: &Evidence) -> Failure {
    if let Some(check) = &evidence.last_check {
        failure = failure.detail(format!("last health check of `{service}`: {check}"));
    }
    if evidence.log.is_empty() {
        return failure.detail(format!("`{service}` logged nothing"));
    }
    failure = failure.detail(format!("last log lines of `{service}`:"));
    evidence.log.iter().fold(failure, |failure, line| failure.detail(format!("| {line}")))
}

fn again(flags: &str) -> String {
    format!("what runs was left running: `cargo xtask up{flags}` goes on from here, `cargo xtask down{flags}` stops it")
}

#[cfg(test)]
mod tests {
    use super::super::machine::tests::{played, seconds};
    use super::*;
    use crate::engine::events::Change;

    #[test]
    fn a_failed_migration_is_named_first() {
        let startup = played(&[(1.0, "db", Change::Healthy), (1.31, "migrate", Change::Exited(1))]);
        let evidence =
            Evidence { last_check: None, log: vec!["error: migration 3 failed".to_owned(), "relation \"tasks\" exists".to_owned()] };
        insta::assert_snapshot!(failed(&startup, "migrate", &evidence, ""));
    }

    #[test]
    fn an_unhealthy_service_shows_its_last_check() {
        let startup = played(&[(90.0, "db", Change::Unhealthy)]);
        let evidence = Evidence { last_check: Some("127.0.0.1:5432 - no response".to_owned()), log: Vec::new() };
        insta::assert_snapshot!(failed(&startup, "db", &evidence, " --env test"));
    }

    #[test]
    fn a_late_start_names_what_is_not_ready() {
        let startup = played(&[(1.0, "db", Change::Healthy), (1.5, "redis", Change::Healthy), (2.0, "migrate", Change::Exited(0))]);
        let evidence = Evidence { last_check: Some("not ready: redis".to_owned()), log: vec!["listening".to_owned()] };
        insta::assert_snapshot!(late(&startup, seconds(120.0), &[("backend".to_owned(), evidence)], ""));
    }
}
