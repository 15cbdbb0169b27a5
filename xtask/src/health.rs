//! Whether a service is well, as the engine sees it. Pure.

use crate::engine::containers::Container;
use crate::model::{Model, Service};

/// What is wrong with each service of `model`, if anything, in the order of their names.
pub(crate) fn problems<'a>(model: &'a Model, containers: &'a [Container]) -> impl Iterator<Item = (&'a str, Option<String>)> {
    model.services.iter().map(|(name, service)| {
        let container = containers.iter().find(|container| container.service() == name);
        (name.as_str(), problem(model, service, container))
    })
}

/// What is wrong with one service.
pub(crate) fn problem(model: &Model, service: &Service, container: Option<&Container>) -> Option<String> {
    let Some(container) = container else { return Some("it was never started".to_owned()) };
    // One whose health is checked is there to go on: where it ended without an error, somebody stopped it.
    let goes_on = service.healthcheck.as_ref().is_some_and(|check| !check.disable);
    if container.completed() && !goes_on && service.restart.as_deref() == Some("no") {
        return None;
    }
    if let Some(problem) = state_problem(container) {
        return Some(problem);
    }
    cut_off(model, service, container).map(|network| format!("it is not connected to the network `{network}`"))
}

/// The network that `service` should be in and its container is not: Compose looks for no such thing, and a restart does not mend it.
pub(crate) fn cut_off<'a>(model: &Model, service: &'a Service, container: &Container) -> Option<&'a str> {
    let connected: Vec<&str> = container.networks().collect();
    service.networks().find(|network| {
        let name = model.networks.get(*network).map_or(*network, |network| network.name.as_str());
        !connected.contains(&name)
    })
}

/// Whether somebody stopped the service `name` or lets it pause: the engine starts again what ends by itself, where its service says so.
pub(crate) fn stopped(model: &Model, containers: &[Container], name: &str) -> bool {
    let Some(container) = containers.iter().find(|container| container.service() == name) else { return false };
    let restart = model.services.get(name).and_then(|service| service.restart.as_deref());
    match container.state.status.as_str() {
        "paused" => true,
        "exited" | "dead" => matches!(restart, Some("always" | "unless-stopped")),
        _ => false,
    }
}

/// What is wrong with the state of a container, whatever it should be connected to.
pub(crate) fn state_problem(container: &Container) -> Option<String> {
    let state = &container.state;
    if !container.running() {
        return Some(match state.status.as_str() {
            "exited" | "dead" if state.oom_killed => "it was ended for want of memory: it reached its limit".to_owned(),
            "exited" | "dead" => format!("it ended with exit code {} at {}", state.exit_code, state.finished_at),
            "restarting" => format!("it ends again and again: exit code {}", state.exit_code),
            other => format!("it is {other}"),
        });
    }
    match container.health() {
        Some("unhealthy") => {
            let output = container.last_check().map(|check| check.output.trim().lines().next().unwrap_or_default()).unwrap_or_default();
            Some(format!("its health check fails: {}", if output.is_empty() { "without a word" } else { output }))
        }
        Some("starting") => Some("it is not ready yet".to_owned()),
        _ => None,
    }
}

/// What to do about `service`, which is not well; `flags` lead to its project.
pub(crate) fn next_step(service: &str, container: Option<&Container>, flags: &str) -> String {
    let logs = format!("`cargo xtask logs {service} --tail 50{flags}` says why");
    let Some(container) = container else { return format!("`cargo xtask up{flags}` starts it") };
    match (container.state.status.as_str(), container.health()) {
        ("paused", _) => format!("`docker container unpause {}` lets it go on", container.name()),
        ("running", Some("unhealthy")) => format!("{logs}; `cargo xtask restart {service}{flags}` starts it again"),
        ("running", Some("starting")) => format!("`cargo xtask status --watch{flags}` shows when it is"),
        ("running", _) => format!("`cargo xtask up{flags}` makes its container anew, in all its networks"),
        ("restarting", _) => logs,
        _ => format!("{logs}; `cargo xtask up{flags}` starts it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::containers::tests::sample;

    fn model() -> Model {
        let json = r#"{"services":{"db":{"networks":{"data":null}},"migrate":{"restart":"no"},"worker":{}},"networks":{"data":{"name":"slipway_data"}}}"#;
        Model::parse(json).expect("a model")
    }

    fn found(containers: &[Container]) -> Vec<(String, Option<String>)> {
        let model = model();
        problems(&model, containers).map(|(name, problem)| (name.to_owned(), problem)).collect()
    }

    fn of(service: &str, containers: &[Container]) -> Option<String> {
        found(containers).into_iter().find(|(name, _)| name == service).and_then(|(_, problem)| problem)
    }

    #[test]
    fn what_is_well_has_no_problem() {
        let containers = [
            sample("db", "running", Some("healthy")).with_networks(&["slipway_data"]),
            sample("migrate", "exited", None),
            sample("worker", "running", None),
        ];
        assert!(found(&containers).iter().all(|(_, problem)| problem.is_none()), "{:?}", found(&containers));
    }

    #[test]
    fn a_builder_that_was_stopped_is_no_task_that_is_done() {
        let json = r#"{"services":{"builder":{"restart":"no","healthcheck":{"test":["CMD","true"]}},"migrate":{"restart":"no","healthcheck":{"disable":true}}},
            "networks":{}}"#;
        let model = Model::parse(json).expect("a model");
        let problem = |name: &str, status: &str, health| problem(&model, &model.services[name], Some(&sample(name, status, health)));
        assert!(problem("builder", "exited", None).is_some_and(|problem| problem.starts_with("it ended with exit code 0")));
        assert_eq!(problem("builder", "paused", Some("healthy")).as_deref(), Some("it is paused"));
        assert!(problem("builder", "running", Some("unhealthy")).is_some());
        assert_eq!(problem("builder", "running", Some("healthy")), None);
        assert_eq!(problem("migrate", "exited", None), None);
    }

    #[test]
    fn each_way_of_being_unwell_is_named() {
        assert_eq!(of("worker", &[]).as_deref(), Some("it was never started"));
        let cases = [
            (sample("worker", "exited", None), "it ended with exit code 0"),
            (sample("worker", "restarting", None), "it ends again and again"),
            (sample("worker", "paused", None), "it is paused"),
            (sample("worker", "running", Some("unhealthy")), "its health check fails: ok"),
            (sample("worker", "running", Some("starting")), "it is not ready yet"),
        ];
        for (container, reason) in cases {
            assert!(of("worker", std::slice::from_ref(&container)).is_some_and(|problem| problem.starts_with(reason)), "{container:?}");
        }
        let alone = sample("db", "running", Some("healthy")).with_networks(&["slipway_app"]);
        assert_eq!(of("db", &[alone]).as_deref(), Some("it is not connected to the network `data`"));
        let mut killed = sample("worker", "exited", None);
        killed.state.oom_killed = true;
        assert!(of("worker", &[killed]).is_some_and(|problem| problem.contains("memory")));
    }

    #[test]
    fn what_ends_by_itself_was_not_stopped() {
        let json = r#"{"services":{"db":{"restart":"unless-stopped"},"migrate":{"restart":"no"},"worker":{}},"networks":{}}"#;
        let model = Model::parse(json).expect("a model");
        let cases = [
            ("db", "exited", true),
            ("db", "paused", true),
            ("db", "restarting", false),
            ("db", "created", false),
            ("db", "running", false),
            ("migrate", "exited", false),
            ("worker", "exited", false),
            ("worker", "paused", true),
        ];
        for (service, status, expected) in cases {
            assert_eq!(stopped(&model, &[sample(service, status, None)], service), expected, "{service} {status}");
        }
        assert!(!stopped(&model, &[], "db"));
    }

    #[test]
    fn each_has_a_next_step() {
        let container = |status: &str, health: Option<&str>| sample("db", status, health);
        let steps = [
            next_step("db", None, " --env test"),
            next_step("db", Some(&container("exited", None)), " --env test"),
            next_step("db", Some(&container("restarting", None)), " --env test"),
            next_step("db", Some(&container("paused", None)), " --env test"),
            next_step("db", Some(&container("running", Some("unhealthy"))), " --env test"),
            next_step("db", Some(&container("running", Some("starting"))), " --env test"),
            next_step("db", Some(&container("running", Some("healthy"))), " --env test"),
        ];
        insta::assert_snapshot!(steps.join("\n"));
    }
}
