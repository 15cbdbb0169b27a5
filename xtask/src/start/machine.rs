//! The start order as a state machine: engine changes go in, services that may start now come out. Pure; time is an argument.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::engine::containers::{self, Container};
use crate::engine::events::Change;
use crate::model::{Condition, Dependency, Model};

/// A container with a restart policy may end so often before it counts as failed: it may wait for something by ending, and the engine starts it again.
const ENDS: u32 = 3;

/// Where each service of a start is.
#[derive(Clone, Debug)]
pub(crate) struct Startup {
    services: BTreeMap<String, Entry>,
}

/// One service of a start.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// What must be there first.
    pub(crate) needs: Vec<(String, Dependency)>,
    /// What counts as being ready.
    pub(crate) ready_when: Condition,
    /// Everything that needs it can do without: the start goes on where it fails.
    pub(crate) optional: bool,
    /// By id; by name where it does not exist yet.
    containers: BTreeMap<String, Member>,
}

/// One container of a service.
#[derive(Clone, Debug)]
struct Member {
    phase: Phase,
    /// Whether a health check has passed; it may have to do more than that to be ready.
    healthy: bool,
    /// Whether the engine starts it again after a failure.
    restarts: bool,
    /// Whether it does so after a success, too.
    keeps_running: bool,
    /// How often it ended.
    ends: u32,
}

/// Where a container, or a service, is; times count from the begin of the start.
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

impl Entry {
    /// Where the service is: as far as the container that is least far; failed where one of them is.
    pub(crate) fn phase(&self) -> Phase {
        let phases = || self.containers.values().map(|member| &member.phase);
        let failed = phases().filter(|phase| matches!(phase, Phase::Failed { .. }));
        if let Some(failed) = failed.min_by_key(|phase| phase.since()) {
            return failed.clone();
        }
        let begun = phases().filter_map(Phase::begun).min();
        if phases().any(|phase| *phase == Phase::Waiting) {
            return Phase::Waiting;
        }
        if phases().any(|phase| matches!(phase, Phase::Starting { .. })) {
            return Phase::Starting { begun: begun.unwrap_or_default() };
        }
        // A service without containers is ready: it is scaled to zero, and nothing waits for it.
        Phase::Ready { begun, at: phases().map(Phase::since).max().unwrap_or_default() }
    }

    fn healthy(&self) -> bool {
        self.containers.values().all(|member| member.healthy || matches!(member.phase, Phase::Ready { .. }))
    }

    /// The containers that failed.
    pub(crate) fn failed(&self) -> impl Iterator<Item = &str> {
        let failed = self.containers.iter().filter(|(_, member)| matches!(member.phase, Phase::Failed { .. }));
        failed.map(|(id, _)| id.as_str())
    }

    /// The containers.
    pub(crate) fn containers(&self) -> impl Iterator<Item = &str> {
        self.containers.keys().map(String::as_str)
    }
}

impl Phase {
    fn begun(&self) -> Option<Duration> {
        match self {
            Self::Waiting => None,
            Self::Starting { begun } | Self::Failed { begun, .. } => Some(*begun),
            Self::Ready { begun, .. } => *begun,
        }
    }

    fn since(&self) -> Duration {
        match self {
            Self::Waiting => Duration::ZERO,
            Self::Starting { begun } => *begun,
            Self::Ready { at, .. } | Self::Failed { at, .. } => *at,
        }
    }
}

impl Startup {
    /// The start of `services` of `model` and of everything they need; `containers` says what is there already. The tasks `again` run once more.
    pub(crate) fn new(model: &Model, services: &BTreeSet<String>, containers: &[Container], again: &BTreeSet<String>) -> Self {
        let mut startup = Self { services: BTreeMap::new() };
        for service in services {
            startup.add(model, service, containers, again);
        }
        startup
    }

    fn add(&mut self, model: &Model, name: &str, all: &[Container], again: &BTreeSet<String>) {
        let Some(service) = model.services.get(name).filter(|_| !self.services.contains_key(name)) else { return };
        let own = || containers::of(all, name);
        let checked = service.checked().unwrap_or_else(|| own().any(Container::checked));
        let ready_when = match () {
            () if model.one_shot(name) => Condition::Completed,
            () if checked => Condition::Healthy,
            () => Condition::Started,
        };
        let member = |container: &Container| Member {
            phase: phase_of(container, ready_when, again.contains(name)),
            healthy: container.health() == Some("healthy"),
            restarts: container.restarts(),
            keeps_running: container.keeps_running(),
            ends: 0,
        };
        let mut containers: BTreeMap<String, Member> = own().map(|container| (container.id.clone(), member(container))).collect();
        for number in own().count()..service.replicas() as usize {
            let missing = Member { phase: Phase::Waiting, healthy: false, restarts: false, keeps_running: false, ends: 0 };
            containers.insert(format!("{name}-{}", number + 1), missing);
        }
        // A dependency that is not part of the model (its profile is off) can only be an optional one: Compose refuses the others.
        let needs: Vec<(String, Dependency)> = service
            .depends_on
            .iter()
            .filter(|(need, _)| model.services.contains_key(*need))
            .map(|(need, how)| (need.clone(), *how))
            .collect();
        self.services.insert(name.to_owned(), Entry { needs: needs.clone(), ready_when, optional: model.optional(name), containers });
        for (need, _) in needs {
            self.add(model, &need, all, again);
        }
    }

    /// The containers that may start now, with their service; they count as starting from here on.
    pub(crate) fn startable(&mut self, at: Duration) -> Vec<(String, String)> {
        let ready = self.services.iter().filter(|(_, entry)| entry.needs.iter().all(|need| self.satisfied(need)));
        let names: Vec<String> = ready.map(|(name, _)| name.clone()).collect();
        let mut now = Vec::new();
        for name in names {
            let waiting = self.services.get_mut(&name).into_iter().flat_map(|entry| &mut entry.containers);
            for (id, member) in waiting.filter(|(_, member)| member.phase == Phase::Waiting) {
                member.phase = Phase::Starting { begun: at };
                now.push((name.clone(), id.clone()));
            }
        }
        now
    }

    fn satisfied(&self, (name, need): &(String, Dependency)) -> bool {
        let Some(entry) = self.services.get(name) else { return true };
        match entry.phase() {
            Phase::Ready { .. } => true,
            Phase::Starting { .. } => match need.condition {
                Condition::Started => true,
                Condition::Healthy => entry.healthy(),
                Condition::Completed => false,
            },
            Phase::Failed { .. } => !need.required,
            Phase::Waiting => false,
        }
    }

    /// Takes in what happened to the container `id` of `service`; returns whether the service became ready by it.
    pub(crate) fn apply(&mut self, at: Duration, service: &str, id: &str, change: &Change) -> bool {
        let Some(entry) = self.services.get_mut(service) else { return false };
        let ready_when = entry.ready_when;
        let Some(member) = entry.containers.get_mut(id) else { return false };
        match (&member.phase, change) {
            (Phase::Starting { begun }, Change::Started | Change::Healthy | Change::Exited(_) | Change::Unhealthy) => {
                member.healthy |= *change == Change::Healthy;
                let reached = match change {
                    Change::Started => ready_when == Condition::Started,
                    Change::Healthy => ready_when == Condition::Healthy,
                    // A task that nothing waits for may be done before it is seen running.
                    Change::Exited(0) => ready_when == Condition::Completed || (ready_when == Condition::Started && !member.keeps_running),
                    _ => false,
                };
                let begun = *begun;
                if reached {
                    member.phase = Phase::Ready { begun: Some(begun), at };
                    if *change == Change::Exited(0) {
                        entry.ready_when = Condition::Completed;
                    }
                } else if let Some(reason) = member.failure(change) {
                    member.phase = Phase::Failed { begun, at, reason };
                }
                reached && matches!(entry.phase(), Phase::Ready { .. })
            }
            // It was ready as soon as it ran, and that was too early to say.
            (Phase::Ready { begun: Some(begun), .. }, Change::Exited(code)) if ready_when == Condition::Started && *code != 0 => {
                let begun = *begun;
                if let Some(reason) = member.failure(change) {
                    member.phase = Phase::Failed { begun, at, reason };
                }
                false
            }
            _ => false,
        }
    }

    /// Marks the container `id` of `service` as failed for `reason`, where no engine event will.
    pub(crate) fn fail(&mut self, at: Duration, service: &str, id: &str, reason: String) {
        if let Some(member) = self.services.get_mut(service).and_then(|entry| entry.containers.get_mut(id)) {
            let begun = member.phase.begun().unwrap_or(at);
            member.phase = Phase::Failed { begun, at, reason };
        }
    }

    /// Takes the container `id` of `service` as ready, for a start that is only thought through.
    pub(crate) fn assume_ready(&mut self, service: &str, id: &str) {
        if let Some(member) = self.services.get_mut(service).and_then(|entry| entry.containers.get_mut(id)) {
            member.phase = Phase::Ready { begun: None, at: Duration::ZERO };
        }
    }

    /// Whether the container `id` of `service` is one of this start.
    pub(crate) fn knows(&self, service: &str, id: &str) -> bool {
        self.services.get(service).is_some_and(|entry| entry.containers.contains_key(id))
    }

    /// Every service with where it is.
    pub(crate) fn services(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.services.iter().map(|(name, entry)| (name.as_str(), entry))
    }

    /// Where `service` is.
    pub(crate) fn get(&self, service: &str) -> Option<&Entry> {
        self.services.get(service)
    }

    /// Whether everything is ready, but for what all can do without.
    pub(crate) fn complete(&self) -> bool {
        self.services.values().all(|entry| match entry.phase() {
            Phase::Ready { .. } => true,
            Phase::Failed { .. } => entry.optional,
            Phase::Waiting | Phase::Starting { .. } => false,
        })
    }

    /// Whether everything was ready before, so that there is nothing to do.
    pub(crate) fn nothing_to_do(&self) -> bool {
        self.services.values().all(|entry| matches!(entry.phase(), Phase::Ready { .. }))
    }

    /// The first service that failed and that something cannot do without.
    pub(crate) fn failed(&self) -> Option<&str> {
        self.failures(false).next()
    }

    /// The services that failed and that all can do without, the first one first.
    pub(crate) fn done_without(&self) -> impl Iterator<Item = &str> {
        self.failures(true)
    }

    fn failures(&self, optional: bool) -> impl Iterator<Item = &str> {
        let failed = self.services.iter().filter(|(_, entry)| entry.optional == optional).filter_map(|(name, entry)| match entry.phase() {
            Phase::Failed { at, .. } => Some((at, name.as_str())),
            _ => None,
        });
        let mut failed: Vec<(Duration, &str)> = failed.collect();
        failed.sort_unstable();
        failed.into_iter().map(|(_, name)| name)
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

impl Member {
    /// Why the container will not become ready, where `change` says that it will not.
    fn failure(&mut self, change: &Change) -> Option<String> {
        match change {
            Change::Unhealthy => Some("became unhealthy".to_owned()),
            Change::Exited(code) => {
                self.ends += 1;
                match (self.restarts, self.ends) {
                    (false, _) => Some(format!("exited with code {code}")),
                    (true, ENDS..) => Some(format!("exited with code {code}, {} times", self.ends)),
                    (true, _) => None,
                }
            }
            _ => None,
        }
    }
}

fn phase_of(container: &Container, ready_when: Condition, again: bool) -> Phase {
    let ready = match ready_when {
        Condition::Completed => container.completed() && !again,
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
        let mut startup = Startup::new(&model(), &all(), &[], &BTreeSet::new());
        startup.startable(Duration::ZERO);
        for (at, service, change) in steps {
            startup.apply(seconds(*at), service, &format!("{service}-1"), change);
            startup.startable(seconds(*at));
        }
        startup
    }

    /// The services that may start now.
    fn starts(startup: &mut Startup, at: f64) -> Vec<String> {
        startup.startable(seconds(at)).into_iter().map(|(service, _)| service).collect()
    }

    /// A change of the only container of `service`.
    fn hear(startup: &mut Startup, at: f64, service: &str, change: &Change) -> bool {
        let id = startup.get(service).and_then(|entry| entry.containers().next()).map(str::to_owned).expect("a container");
        startup.apply(seconds(at), service, &id, change)
    }

    #[test]
    fn each_service_starts_as_soon_as_what_it_needs_is_there() {
        let mut startup = Startup::new(&model(), &all(), &[], &BTreeSet::new());
        assert_eq!(starts(&mut startup, 0.0), ["db", "frontend", "redis"]);
        assert_eq!(starts(&mut startup, 0.1), [""; 0], "each starts once");
        assert!(!hear(&mut startup, 0.5, "db", &Change::Started), "running is not healthy");
        assert!(hear(&mut startup, 1.0, "db", &Change::Healthy));
        assert_eq!(starts(&mut startup, 1.0), ["migrate"]);
        assert!(hear(&mut startup, 1.5, "redis", &Change::Healthy));
        assert_eq!(starts(&mut startup, 1.5), [""; 0], "migrations run before the backend starts");
        assert!(hear(&mut startup, 2.0, "migrate", &Change::Exited(0)));
        assert_eq!(starts(&mut startup, 2.0), ["backend"]);
        assert!(hear(&mut startup, 2.5, "backend", &Change::Healthy));
        assert_eq!(starts(&mut startup, 2.5), [""; 0], "the proxy is last");
        assert!(hear(&mut startup, 3.0, "frontend", &Change::Healthy));
        assert_eq!(starts(&mut startup, 3.0), ["proxy"]);
        assert!(!startup.complete());
        assert!(hear(&mut startup, 3.5, "proxy", &Change::Healthy));
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
        let mut startup = Startup::new(&model(), &all(), &containers, &BTreeSet::new());
        assert_eq!(starts(&mut startup, 0.0), ["backend"]);
        assert!(hear(&mut startup, 0.2, "backend", &Change::Healthy));
        assert!(hear(&mut startup, 0.3, "proxy", &Change::Healthy), "a service that was starting already is waited for");
        assert!(startup.complete());
    }

    #[test]
    fn only_what_is_asked_for_and_what_it_needs_is_started() {
        let startup = Startup::new(&model(), &BTreeSet::from(["backend".to_owned()]), &[], &BTreeSet::new());
        assert_eq!(startup.services().map(|(name, _)| name).collect::<Vec<_>>(), ["backend", "db", "migrate", "redis"]);
    }

    #[test]
    fn a_failure_holds_back_what_depends_on_it() {
        let mut startup = played(&[(1.0, "db", Change::Healthy), (1.2, "migrate", Change::Exited(1)), (1.3, "redis", Change::Healthy)]);
        assert_eq!(starts(&mut startup, 2.0), [""; 0]);
        assert_eq!(startup.failed(), Some("migrate"));
        assert_eq!(startup.dependents("migrate"), BTreeSet::from(["backend", "proxy"]));
    }

    #[test]
    fn a_service_that_exits_while_it_should_run_has_failed() {
        assert_eq!(played(&[(1.0, "redis", Change::Exited(0))]).failed(), Some("redis"));
        assert_eq!(played(&[(1.0, "redis", Change::Unhealthy)]).failed(), Some("redis"));
    }

    #[test]
    fn a_task_that_nothing_waits_for_may_be_done_at_once() {
        let json = r#"{"services":{"seed":{},"serve":{"restart":"always"}}}"#;
        let mut startup = of(json, &[container("seed", "created", None), container("serve", "created", None).with_restart("always")]);
        assert_eq!(starts(&mut startup, 0.0), ["seed", "serve"]);
        assert!(hear(&mut startup, 0.1, "seed", &Change::Exited(0)), "it was never seen running");
        assert_eq!(startup.get("seed").expect("known").ready_when, Condition::Completed);
        assert!(!hear(&mut startup, 0.1, "serve", &Change::Exited(0)), "the engine starts it again");
        assert!(hear(&mut startup, 0.2, "serve", &Change::Started) && startup.complete());
        let mut startup = of(json, &[container("seed", "created", None)]);
        starts(&mut startup, 0.0);
        hear(&mut startup, 0.1, "seed", &Change::Exited(1));
        assert_eq!(startup.failed(), Some("seed"));
    }

    fn of(json: &str, containers: &[Container]) -> Startup {
        let model = Model::parse(json).expect("a model");
        Startup::new(&model, &model.services.keys().cloned().collect(), containers, &BTreeSet::new())
    }

    #[test]
    fn a_service_is_ready_when_all_of_its_containers_are() {
        let json = r#"{"services":{"db":{"scale":2,"healthcheck":{"test":["CMD","true"]}},"none":{"scale":0},
            "web":{"depends_on":{"db":{"condition":"service_healthy"},"none":{"condition":"service_healthy"}}}}}"#;
        let mut startup =
            of(json, &[container("db", "running", Some("healthy")).numbered(1), container("db", "created", None).numbered(2)]);
        assert_eq!(startup.startable(seconds(0.0)), [("db".to_owned(), "id-db-2".to_owned())]);
        assert!(!startup.knows("db", "id-db-3") && startup.knows("db", "id-db-1"));
        assert!(startup.apply(seconds(1.0), "db", "id-db-2", &Change::Healthy));
        assert_eq!(startup.startable(seconds(1.0)), [("web".to_owned(), "web-1".to_owned())]);
        assert!(startup.apply(seconds(1.1), "web", "web-1", &Change::Started));
        assert!(startup.complete());
        let mut startup = of(json, &[]);
        assert_eq!(starts(&mut startup, 0.0), ["db", "db"]);
        assert!(!startup.apply(seconds(1.0), "db", "db-1", &Change::Healthy), "the other one is not");
        startup.apply(seconds(1.5), "db", "db-2", &Change::Exited(1));
        assert_eq!(startup.failed(), Some("db"));
        assert_eq!(startup.get("db").expect("known").failed().collect::<Vec<_>>(), ["db-2"]);
    }

    #[test]
    fn the_health_check_of_an_image_counts_and_one_that_is_turned_off_does_not() {
        let json = r#"{"services":{"db":{},"off":{"healthcheck":{"test":["NONE"]}},
            "web":{"depends_on":{"db":{"condition":"service_healthy"},"off":{"condition":"service_started"}}}}}"#;
        let mut startup = of(json, &[container("db", "created", None).with_check(), container("off", "created", None)]);
        assert_eq!(starts(&mut startup, 0.0), ["db", "off"]);
        assert!(!hear(&mut startup, 0.1, "db", &Change::Started), "running is not healthy");
        assert!(hear(&mut startup, 0.1, "off", &Change::Started));
        assert_eq!(starts(&mut startup, 0.2), [""; 0]);
        assert!(hear(&mut startup, 0.3, "db", &Change::Healthy));
        assert_eq!(starts(&mut startup, 0.3), ["web"]);
    }

    #[test]
    fn what_all_can_do_without_fails_alone() {
        let json = r#"{"services":{"mail":{"healthcheck":{"test":["CMD","true"]}},"db":{},
            "web":{"depends_on":{"mail":{"condition":"service_healthy","required":false},"db":{"condition":"service_started"}}}}}"#;
        let mut startup = of(json, &[]);
        assert_eq!(starts(&mut startup, 0.0), ["db", "mail"]);
        hear(&mut startup, 0.1, "db", &Change::Started);
        assert_eq!(starts(&mut startup, 0.1), [""; 0], "an optional service is waited for as long as it may become ready");
        hear(&mut startup, 0.2, "mail", &Change::Exited(1));
        assert_eq!((startup.failed(), startup.done_without().collect::<Vec<_>>()), (None, vec!["mail"]));
        assert_eq!(starts(&mut startup, 0.2), ["web"]);
        hear(&mut startup, 0.3, "web", &Change::Started);
        assert!(startup.complete() && !startup.nothing_to_do());
    }

    #[test]
    fn a_container_with_a_restart_policy_may_end_a_few_times() {
        let json = r#"{"services":{"db":{"healthcheck":{"test":["CMD","true"]}}}}"#;
        let mut startup = of(json, &[container("db", "created", None).with_restart("on-failure")]);
        startup.startable(seconds(0.0));
        for _ in 1..ENDS {
            hear(&mut startup, 0.1, "db", &Change::Exited(1));
            assert_eq!(startup.failed(), None);
        }
        hear(&mut startup, 0.2, "db", &Change::Exited(1));
        let reason = startup.get("db").map(Entry::phase);
        assert!(matches!(reason, Some(Phase::Failed { reason, .. }) if reason == "exited with code 1, 3 times"));
    }

    #[test]
    fn what_ends_with_an_error_while_others_still_start_was_never_ready() {
        let json = r#"{"services":{"web":{},"seed":{},"db":{"healthcheck":{"test":["CMD","true"]}}}}"#;
        let mut startup = of(json, &[]);
        startup.startable(seconds(0.0));
        assert!(hear(&mut startup, 0.1, "seed", &Change::Started));
        hear(&mut startup, 0.2, "seed", &Change::Exited(0));
        assert!(hear(&mut startup, 0.1, "web", &Change::Started));
        assert_eq!(startup.failed(), None, "a task that nothing waits for has done what it is for");
        hear(&mut startup, 0.2, "web", &Change::Exited(3));
        assert_eq!(startup.failed(), Some("web"));
    }

    #[test]
    fn a_task_with_a_new_program_runs_again() {
        let done = [container("db", "running", Some("healthy")), container("migrate", "exited", None)];
        let services = BTreeSet::from(["migrate".to_owned()]);
        let starts = |again: &[&str]| {
            let again = again.iter().map(|name| (*name).to_owned()).collect();
            starts(&mut Startup::new(&model(), &services, &done, &again), 0.0)
        };
        assert_eq!((starts(&[]), starts(&["migrate"])), (vec![], vec!["migrate".to_owned()]));
    }
}
