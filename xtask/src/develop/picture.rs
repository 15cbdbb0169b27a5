//! The stack as the page for developers shows it: what the compose model says it should be, and what the engine says it is.

use std::collections::BTreeMap;

use super::protocol::{Restart, Service, State};
use crate::engine::containers::Container;
use crate::project::Project;
use crate::stack::Resolved;

/// So many restarts of a service are remembered.
const REMEMBERED: usize = 20;

/// Why services were restarted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Restarts {
    known: BTreeMap<String, Vec<Restart>>,
    /// Why containers are started that have not been yet.
    expected: BTreeMap<String, String>,
}

impl Restarts {
    /// The container of `service` is about to be started because of `cause`.
    pub(crate) fn expect(&mut self, service: &str, cause: &str) {
        self.expected.insert(service.to_owned(), cause.to_owned());
    }

    /// Nothing came of that.
    pub(crate) fn forget(&mut self, service: &str) {
        self.expected.remove(service);
    }

    /// The container of `service` was started at this moment (RFC 3339), for the reason that was expected, which is returned.
    pub(crate) fn started(&mut self, service: &str, at: String) -> String {
        let cause = self.expected.remove(service).unwrap_or_else(|| "its container was started".to_owned());
        self.add(service, at, &cause);
        cause
    }

    /// `service` was restarted at this moment (RFC 3339) because of `cause`.
    pub(crate) fn add(&mut self, service: &str, at: String, cause: &str) {
        let of_service = self.known.entry(service.to_owned()).or_default();
        of_service.push(Restart { at, cause: cause.to_owned() });
        let surplus = of_service.len().saturating_sub(REMEMBERED);
        of_service.drain(..surplus);
    }
}

/// What people may ask for on the page.
const ACTIONS: [&str; 2] = ["restart", "migrate"];

/// The state of `project`.
pub(crate) fn state(project: &Project, resolved: &Resolved, containers: &[Container], restarts: &Restarts) -> State {
    let programs = resolved.model.develop.as_ref().map(|develop| &develop.programs);
    let service = |(name, service): (&String, &crate::model::Service)| {
        let container = containers.iter().find(|container| container.service() == name);
        Service {
            name: name.clone(),
            state: container.map_or("absent", |container| &container.state.status).to_owned(),
            health: container.and_then(Container::health).map(str::to_owned),
            since: container.filter(|container| container.running()).map(|container| container.state.started_at.clone()),
            restarts: restarts.known.get(name).cloned().unwrap_or_default(),
            one_shot: resolved.model.one_shot(name),
            depends_on: service.depends_on.keys().cloned().collect(),
            program: programs.and_then(|programs| programs.get(name)).cloned(),
        }
    };
    State {
        project: project.compose_name(),
        environment: project.environment.clone(),
        instance: project.instance.clone(),
        url: resolved.address.url(),
        root: project.root.display().to_string(),
        services: resolved.model.services.iter().map(service).collect(),
        actions: ACTIONS.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_restarts_are_remembered() {
        let mut restarts = Restarts::default();
        for number in 0..=REMEMBERED {
            restarts.add("backend", format!("t{number}"), "a file");
        }
        let kept = &restarts.known["backend"];
        assert_eq!((kept.len(), kept[0].at.as_str(), kept[REMEMBERED - 1].at.as_str()), (REMEMBERED, "t1", "t20"));
    }

    #[test]
    fn a_start_has_the_cause_that_was_expected_once() {
        let mut restarts = Restarts::default();
        restarts.expect("backend", "it was asked for");
        for service in ["worker", "backend", "backend"] {
            restarts.started(service, "t".to_owned());
        }
        let causes = |service: &str| restarts.known[service].iter().map(|restart| restart.cause.as_str()).collect::<Vec<_>>();
        assert_eq!(causes("worker"), ["its container was started"]);
        assert_eq!(causes("backend"), ["it was asked for", "its container was started"]);
    }
}
