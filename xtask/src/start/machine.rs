//! The start order as a state machine: engine changes go in, services that may start now come out. Pure; time is an argument.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::engine::containers::Container;
use crate::engine::events::Change;
use crate::model::{Condition, Model};

/// Where each service of a start is.
#[derive(Clone, Debug)]
pub(crate) struct Startup {
    services: BTreeMap<String, Entry>,
}

/// One service of a start.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// What must be there first.
    pub(crate) needs: Vec<(String, Condition)>,
    /// What counts as being ready.
    pub(crate) ready_when: Condition,
    /// Where it is.
    pub(crate) phase: Phase,
}

/// Where a service is; times count from the begin of the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// For something it needs.
    Waiting,
    /// The engine was told to start it, or it runs and is not ready yet.
    Starting {
        /// Since when.
        begun: Duration,
    },
    /// It is what others wait for.
    Ready {
        /// When it was told to start; nothing when it was ready before.
        begun: Option<Duration>,
        /// Since when.
        at: Duration,
    },
    /// It will not become ready.
    Failed {
        /// When it was told to start.
        begun: Duration,
        /// Since when.
        at: Duration,
        /// `exited with code 1`, `became unhealthy`…
        reason: String,
    },
}

impl Startup {
    /// The start of `services` of `model` and of everything they need; `containers` says what is there already.
    pub(crate) fn new(model: &Model, services: &BTreeSet<String>, containers: &[Container]) -> Self {
        let mut startup = Self { services: BTreeMap::new() };
        for service in services {
            startup.add(model, service, containers);
        }
        startup
    }

    fn add(&mut self, model: &Model, name: &str, containers: &[Container]) {
        let Some(service) = model.services.get(name).filter(|_| !self.services.contains_key(name)) else { return };
        let ready_when = match &service.healthcheck {
            _ if model.one_shot(name) => Condition::Completed,
            Some(healthcheck) if !healthcheck.disable => Condition::Healthy,
            _ => Condition::Started,
        };
        let container = containers.iter().find(|container| container.service() == name);
        let phase = container.map_or(Phase::Waiting, |container| phase_of(container, ready_when));
        // A dependency that is not part of the model (its profile is off) can only be an optional one: Compose refuses the others.
        let needs: Vec<(String, Condition)> = service
            .depends_on
            .iter()
            .filter(|(need, dependency)| dependency.required || model.services.contains_key(*need))
            .map(|(need, dependency)| (need.clone(), dependency.condition))
            .collect();
        self.services.insert(name.to_owned(), Entry { needs: needs.clone(), ready_when, phase });
        for (need, _) in needs {
            self.add(model, &need, containers);
        }
    }

    /// The services that may start now; they count as starting from here on.
    pub(crate) fn startable(&mut self, at: Duration) -> Vec<String> {
        let waiting = self.services.iter().filter(|(_, entry)| entry.phase == Phase::Waiting);
        let now: Vec<String> =
            waiting.filter(|(_, entry)| entry.needs.iter().all(|need| self.satisfied(need))).map(|(name, _)| name.clone()).collect();
        for name in &now {
            if let Some(entry) = self.services.get_mut(name) {
                entry.phase = Phase::Starting { begun: at };
            }
        }
        now
    }

    fn satisfied(&self, (name, condition): &(String, Condition)) -> bool {
        match self.services.get(name).map(|entry| &entry.phase) {
            Some(Phase::Ready { .. }) => true,
            Some(Phase::Starting { .. }) => *condition == Condition::Started,
            _ => false,
        }
    }

    /// Takes in what happened to `service`; returns whether it became ready by it.
    pub(crate) fn apply(&mut self, at: Duration, service: &str, change: &Change) -> bool {
        let Some(entry) = self.services.get_mut(service) else { return false };
        let Phase::Starting { begun } = entry.phase else { return false };
        let ready = match (change, entry.ready_when) {
            (Change::Started, Condition::Started) | (Change::Healthy, Condition::Healthy) | (Change::Exited(0), Condition::Completed) => {
                true
            }
            (Change::Exited(code), _) => {
                entry.phase = Phase::Failed { begun, at, reason: format!("exited with code {code}") };
                false
            }
            (Change::Unhealthy, _) => {
                entry.phase = Phase::Failed { begun, at, reason: "became unhealthy".to_owned() };
                false
            }
            _ => false,
        };
        if ready {
            entry.phase = Phase::Ready { begun: Some(begun), at };
        }
        ready
    }

    /// Marks `service` as failed for `reason`, where no engine event will.
    pub(crate) fn fail(&mut self, at: Duration, service: &str, reason: String) {
        if let Some(entry) = self.services.get_mut(service) {
            let begun = if let Phase::Starting { begun } = entry.phase { begun } else { at };
            entry.phase = Phase::Failed { begun, at, reason };
        }
    }

    /// Takes `service` as ready, for a start that is only thought through.
    pub(crate) fn assume_ready(&mut self, service: &str) {
        if let Some(entry) = self.services.get_mut(service) {
            entry.phase = Phase::Ready { begun: None, at: Duration::ZERO };
        }
    }

    /// Every service with where it is.
    pub(crate) fn services(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.services.iter().map(|(name, entry)| (name.as_str(), entry))
    }

    /// Where `service` is.
    pub(crate) fn get(&self, service: &str) -> Option<&Entry> {
        self.services.get(service)
    }

    /// Whether everything is ready.
    pub(crate) fn complete(&self) -> bool {
        self.services.values().all(|entry| matches!(entry.phase, Phase::Ready { .. }))
    }

    /// The first service that failed.
    pub(crate) fn failed(&self) -> Option<&str> {
        let failed = self.services.iter().filter_map(|(name, entry)| match entry.phase {
            Phase::Failed { at, .. } => Some((at, name.as_str())),
            _ => None,
        });
        failed.min().map(|(_, name)| name)
    }

    /// The services that wait for `service`, directly or through others.
    pub(crate) fn dependents(&self, service: &str) -> BTreeSet<&str> {
        let mut found = BTreeSet::new();
        let mut look = vec![service];
        while let Some(name) = look.pop() {
            for (other, entry) in &self.services {
                if entry.needs.iter().any(|(need, _)| need == name) && found.insert(other.as_str()) {
                    look.push(other);
                }
            }
        }
        found
    }
}

fn phase_of(container: &Container, ready_when: Condition) -> Phase {
    let ready = match ready_when {
        Condition::Completed => container.completed(),
        Condition::Healthy => container.health() == Some("healthy"),
        Condition::Started => container.running(),
    };
    match ready {
        true => Phase::Ready { begun: None, at: Duration::ZERO },
        false if container.running() => Phase::Starting { begun: Duration::ZERO },
        false => Phase::Waiting,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::engine::containers::tests::sample as container;
    use crate::model::tests::sample as model;

    pub(crate) fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    fn all() -> BTreeSet<String> {
        model().services.keys().cloned().collect()
    }

    /// A start from nothing in which each service in turn becomes ready at the given second.
    pub(crate) fn played(steps: &[(f64, &str, Change)]) -> Startup {
        let mut startup = Startup::new(&model(), &all(), &[]);
        startup.startable(Duration::ZERO);
        for (at, service, change) in steps {
            startup.apply(seconds(*at), service, change);
            startup.startable(seconds(*at));
        }
        startup
    }

    #[test]
    fn each_service_starts_as_soon_as_what_it_needs_is_there() {
        let mut startup = Startup::new(&model(), &all(), &[]);
        assert_eq!(startup.startable(seconds(0.0)), ["db", "frontend", "redis"]);
        assert_eq!(startup.startable(seconds(0.1)), [""; 0], "each starts once");
        assert!(!startup.apply(seconds(0.5), "db", &Change::Started), "running is not healthy");
        assert!(startup.apply(seconds(1.0), "db", &Change::Healthy));
        assert_eq!(startup.startable(seconds(1.0)), ["migrate"]);
        assert!(startup.apply(seconds(1.5), "redis", &Change::Healthy));
        assert_eq!(startup.startable(seconds(1.5)), [""; 0], "migrations run before the backend starts (R2.1)");
        assert!(startup.apply(seconds(2.0), "migrate", &Change::Exited(0)));
        assert_eq!(startup.startable(seconds(2.0)), ["backend"]);
        assert!(startup.apply(seconds(2.5), "backend", &Change::Healthy));
        assert_eq!(startup.startable(seconds(2.5)), [""; 0], "the proxy is last (R2.2)");
        assert!(startup.apply(seconds(3.0), "frontend", &Change::Healthy));
        assert_eq!(startup.startable(seconds(3.0)), ["proxy"]);
        assert!(!startup.complete());
        assert!(startup.apply(seconds(3.5), "proxy", &Change::Healthy));
        assert!(startup.complete());
    }

    #[test]
    fn what_is_ready_is_left_alone() {
        let containers = [
            container("db", "running", Some("healthy")),
            container("redis", "running", Some("healthy")),
            container("migrate", "exited", None),
            container("backend", "exited", Some("unhealthy")),
            container("frontend", "running", Some("healthy")),
            container("proxy", "running", Some("starting")),
        ];
        let mut startup = Startup::new(&model(), &all(), &containers);
        assert_eq!(startup.startable(seconds(0.0)), ["backend"]);
        assert!(startup.apply(seconds(0.2), "backend", &Change::Healthy));
        assert!(startup.apply(seconds(0.3), "proxy", &Change::Healthy), "a service that was starting already is waited for");
        assert!(startup.complete());
    }

    #[test]
    fn only_what_is_asked_for_and_what_it_needs_is_started() {
        let startup = Startup::new(&model(), &BTreeSet::from(["backend".to_owned()]), &[]);
        assert_eq!(startup.services().map(|(name, _)| name).collect::<Vec<_>>(), ["backend", "db", "migrate", "redis"]);
    }

    #[test]
    fn a_failure_holds_back_what_depends_on_it() {
        let mut startup = played(&[(1.0, "db", Change::Healthy), (1.2, "migrate", Change::Exited(1)), (1.3, "redis", Change::Healthy)]);
        assert_eq!(startup.startable(seconds(2.0)), [""; 0]);
        assert_eq!(startup.failed(), Some("migrate"));
        assert_eq!(startup.dependents("migrate"), BTreeSet::from(["backend", "proxy"]));
    }

    #[test]
    fn a_service_that_exits_while_it_should_run_has_failed() {
        assert_eq!(played(&[(1.0, "redis", Change::Exited(0))]).failed(), Some("redis"));
        assert_eq!(played(&[(1.0, "redis", Change::Unhealthy)]).failed(), Some("redis"));
    }
}
