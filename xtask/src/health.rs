//! Whether a service is well, as the engine sees it. Pure.

use crate::engine::containers::{self, Container};
use crate::model::{Model, Service};

/// What is wrong with each service of `model`, if anything, in the order of their names.
pub(crate) fn problems<'a>(model: &'a Model, containers: &'a [Container]) -> impl Iterator<Item = (&'a str, Option<String>)> {
    model.services.iter().map(|(name, service)| {
        let own: Vec<&Container> = containers::of(containers, name).collect();
        (name.as_str(), count_problem(service, own.len()).or_else(|| first_problem(model, service, &own)))
    })
}

/// What is wrong with how many containers `service` has.
pub(crate) fn count_problem(service: &Service, count: usize) -> Option<String> {
    let wanted = service.replicas() as usize;
    match count {
        0 if wanted > 0 => Some("it was never started".to_owned()),
        count if count < wanted => Some(format!("{} of its {wanted} containers are missing", wanted - count)),
        count if count > wanted => Some(format!("it has {count} containers, and the compose files say {wanted}")),
        _ => None,
    }
}

/// The container of the service `name` that its problem is about: the first one that has one.
pub(crate) fn unwell<'a>(model: &Model, containers: &'a [Container], name: &str) -> Option<&'a Container> {
    let service = model.services.get(name);
    let mut own = containers::of(containers, name);
    let first = own.clone().next();
    own.find(|container| service.is_some_and(|service| problem(model, service, container).is_some())).or(first)
}

fn first_problem(model: &Model, service: &Service, own: &[&Container]) -> Option<String> {
    own.iter().find_map(|container| {
        let problem = problem(model, service, container)?;
        Some(if own.len() > 1 { format!("container {}: {problem}", container.number()) } else { problem })
    })
}

/// What is wrong with one container of `service`.
pub(crate) fn problem(model: &Model, service: &Service, container: &Container) -> Option<String> {
    // A container whose health is checked, or that the engine keeps running, is no task that is done: where it ended without an error, it was stopped.
    let checked = container.checked() || service.checked() == Some(true);
    if container.completed() && !checked && !container.keeps_running() {
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

/// Whether the service `name` was stopped or paused on purpose: the engine starts again what ends by itself, where its service says so.
pub(crate) fn stopped(containers: &[Container], name: &str) -> bool {
    let (mut own, of_service) =
        (containers::of(containers, name).peekable(), |container: &Container| match container.state.status.as_str() {
            "paused" => true,
            "exited" | "dead" => container.keeps_running(),
            _ => false,
        });
    own.peek().is_some() && own.all(of_service)
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
        ("paused", _) => format!("`cargo xtask up{flags}` lets it go on"),
        ("running", Some("unhealthy")) => format!("{logs}; `cargo xtask restart {service}{flags}` starts it again"),
        ("running", Some("starting")) => format!("`cargo xtask status --watch{flags}` shows when it is"),
        ("running", _) => format!("`cargo xtask up{flags}` recreates its container, in all its networks"),
        ("restarting", _) => logs,
        _ => format!("{logs}; `cargo xtask up{flags}` starts it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::containers::tests::sample;

    fn model() -> Model {
        let json = r#"{"services":{"db":{"networks":{"data":null}},"migrate":{},"worker":{}},"networks":{"data":{"name":"slipway_data"}}}"#;
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
        let json = r#"{"services":{"builder":{"healthcheck":{"test":["CMD","true"]}},"migrate":{"healthcheck":{"disable":true}}},
            "networks":{}}"#;
        let model = Model::parse(json).expect("a model");
        let problem = |name: &str, status: &str, health| problem(&model, &model.services[name], &sample(name, status, health));
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
            (sample("worker", "exited", None).with_restart("unless-stopped"), "it ended with exit code 0"),
            (sample("worker", "exited", None).with_check(), "it ended with exit code 0"),
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
        (killed.state.oom_killed, killed.state.exit_code) = (true, 137);
        assert!(of("worker", &[killed]).is_some_and(|problem| problem.contains("memory")));
    }

    #[test]
    fn a_task_that_is_done_is_well_whatever_its_restart_policy_says_of_failures() {
        for policy in ["no", "", "on-failure"] {
            assert_eq!(of("worker", &[sample("worker", "exited", None).with_restart(policy)]), None, "{policy}");
        }
    }

    #[test]
    fn every_container_of_a_service_counts() {
        let json = r#"{"services":{"two":{"scale":2},"none":{"scale":0}},"networks":{}}"#;
        let model = Model::parse(json).expect("a model");
        let problems = |containers: &[Container]| problems(&model, containers).map(|(_, problem)| problem).collect::<Vec<_>>();
        let [first, second, third] = [1, 2, 3].map(|number| sample("two", "running", None).numbered(number));
        assert_eq!(problems(&[first.clone(), second.clone()]), [None, None]);
        assert_eq!(problems(std::slice::from_ref(&first))[1].as_deref(), Some("1 of its 2 containers are missing"));
        let surplus = [first.clone(), second, third];
        assert_eq!(problems(&surplus)[1].as_deref(), Some("it has 3 containers, and the compose files say 2"));
        let paused = sample("two", "paused", None).numbered(2);
        assert_eq!(problems(&[first, paused])[1].as_deref(), Some("container 2: it is paused"));
        let none = [sample("none", "running", None)];
        assert_eq!(problems(&none)[0].as_deref(), Some("it has 1 containers, and the compose files say 0"));
    }

    #[test]
    fn what_ends_by_itself_was_not_stopped() {
        let cases = [
            ("unless-stopped", "exited", true),
            ("unless-stopped", "paused", true),
            ("unless-stopped", "restarting", false),
            ("unless-stopped", "created", false),
            ("unless-stopped", "running", false),
            ("no", "exited", false),
            ("", "exited", false),
            ("", "paused", true),
        ];
        for (policy, status, expected) in cases {
            assert_eq!(stopped(&[sample("db", status, None).with_restart(policy)], "db"), expected, "{policy} {status}");
        }
        assert!(!stopped(&[], "db"));
        let [first, second] = ["paused", "running"].map(|status| sample("db", status, None));
        assert!(!stopped(&[first, second], "db"), "the other one serves");
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
