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
pub(crate) struct Restarts(BTreeMap<String, Vec<Restart>>);

impl Restarts {
    /// `service` was restarted at this moment (RFC 3339) because of `cause`.
    pub(crate) fn add(&mut self, service: &str, at: String, cause: &str) {
        let of_service = self.0.entry(service.to_owned()).or_default();
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
            restarts: restarts.0.get(name).cloned().unwrap_or_default(),
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
        let kept = &restarts.0["backend"];
        assert_eq!((kept.len(), kept[0].at.as_str(), kept[REMEMBERED - 1].at.as_str()), (REMEMBERED, "t1", "t20"));
    }
}
