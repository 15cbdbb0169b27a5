//! Whether a service is up again after its containers were started, as the engine sees them. Pure; how long they have run is an argument.

use std::time::Duration;

use crate::engine::containers::Container;
use crate::health;

/// Where no health check says more, a container that ran for so long is up: a program that cannot start ends before.
pub(crate) const MOMENT: Duration = Duration::from_secs(2);

/// What is known of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All of its containers are up.
    Up,
    /// It takes another look, after another event or that moment.
    Open,
    /// A container of it is not, for this reason.
    Down {
        /// Its id.
        container: String,
        /// For people.
        reason: String,
    },
    /// It has no containers any more.
    Gone,
}

/// Judges the containers of a service, the last of which was started `since` this time.
pub(crate) fn judge<'a>(containers: impl Iterator<Item = &'a Container>, since: Duration) -> Verdict {
    containers.fold(Verdict::Gone, |so_far, container| match (so_far, judge_one(container, since)) {
        (down @ Verdict::Down { .. }, _) | (_, down @ Verdict::Down { .. }) => down,
        (Verdict::Open, _) | (_, Verdict::Open) => Verdict::Open,
        _ => Verdict::Up,
    })
}

fn judge_one(container: &Container, since: Duration) -> Verdict {
    let down = |reason: String| Verdict::Down { container: container.id.clone(), reason };
    match (container.state.status.as_str(), container.health()) {
        ("running", Some("healthy")) => Verdict::Up,
        ("running", None) if since >= MOMENT => Verdict::Up,
        ("running", Some("starting") | None) | ("created" | "paused", _) => Verdict::Open,
        // It had something to do, and has done it.
        ("exited", _) if container.completed() => Verdict::Up,
        _ => down(health::state_problem(container).unwrap_or_else(|| "it is not well".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::containers::tests::sample;

    fn verdict(containers: &[Container], since: Duration) -> String {
        match judge(containers.iter(), since) {
            Verdict::Down { reason, .. } => reason,
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn a_health_check_says_when_it_is_up() {
        let of = |status, health| verdict(&[sample("reports", status, health)], MOMENT);
        assert_eq!([of("running", Some("starting")), of("running", Some("healthy"))], ["Open", "Up"]);
        assert!(of("running", Some("unhealthy")).starts_with("its health check fails"));
    }

    #[test]
    fn without_one_it_has_to_run_for_a_moment() {
        let of = |since| verdict(&[sample("reports", "running", None)], since);
        assert_eq!([of(Duration::ZERO), of(MOMENT)], ["Open", "Up"]);
    }

    #[test]
    fn what_ended_is_down_unless_it_was_to_end() {
        assert!(verdict(&[sample("reports", "restarting", None)], MOMENT).starts_with("it ends again and again: exit code"));
        let mut failed = sample("reports", "exited", None);
        failed.state.exit_code = 1;
        assert!(verdict(&[failed], Duration::ZERO).starts_with("it ended with exit code 1"));
        assert_eq!(verdict(&[sample("reports", "exited", None)], Duration::ZERO), "Up");
    }

    #[test]
    fn all_containers_of_a_service_count() {
        let up = sample("reports", "running", Some("healthy"));
        let open = sample("reports", "running", Some("starting"));
        let down = sample("reports", "running", Some("unhealthy"));
        assert_eq!(verdict(&[up.clone(), open.clone()], MOMENT), "Open");
        assert_eq!(verdict(&[up.clone(), up.clone()], MOMENT), "Up");
        assert!(verdict(&[open, down, up], MOMENT).starts_with("its health check fails"));
        assert_eq!(verdict(&[], MOMENT), "Gone");
    }
}
