//! What `status` says, as `--json` prints it. Fields are added, never renamed.

use backup::Phase;
use serde::Serialize;

use super::restarts::{self, Restart};
use super::smoke::LastSmoke;
use crate::engine::containers::Container;
use crate::engine::ends::End;
use crate::health;
use crate::model::Service;
use crate::project::Project;

/// A stack.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    schema: u32,
    pub(super) environment: String,
    instance: String,
    pub(super) project: String,
    pub(super) url: Option<String>,
    /// Whether it runs and every service is well.
    well: bool,
    pub(super) guard: Guard,
    /// How far a restore was when it was interrupted; nothing where none was.
    pub(super) interrupted_restore: Option<Phase>,
    /// What the last smoke test found; nothing where none was made of these containers.
    pub(super) smoke: Option<LastSmoke>,
    pub(super) services: Vec<ServiceReport>,
    /// What leads to this project again, for hints.
    #[serde(skip)]
    pub(super) flags: String,
}

/// Who restarts services that hang.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Guard {
    /// The guard.
    Running,
    /// `dev`, which is attached.
    Dev,
    /// Nobody: it is not wanted, or nothing runs.
    Off,
    /// Nobody, though it is wanted.
    Missing,
}

impl Guard {
    /// Where it is `wanted`, `guarded` and has `dev` attached.
    pub(crate) fn new(wanted: bool, guarded: bool, attached: bool) -> Self {
        match (attached, guarded) {
            (true, _) => Self::Dev,
            (false, true) => Self::Running,
            (false, false) if wanted => Self::Missing,
            (false, false) => Self::Off,
        }
    }
}

/// A service.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ServiceReport {
    pub(super) name: String,
    /// The container's name; nothing where there is none.
    pub(super) container: Option<String>,
    /// Its number among the containers of the service.
    #[serde(skip)]
    pub(super) number: u32,
    pub(super) state: String,
    pub(super) health: Option<String>,
    pub(super) since: Option<String>,
    pub(super) last_check: Option<CheckReport>,
    /// By the engine, because it had ended.
    pub(super) restarts: u64,
    pub(super) image: String,
    pub(super) cpu_percent: Option<f64>,
    pub(super) memory_bytes: Option<u64>,
    pub(super) memory_limit_bytes: Option<u64>,
    pub(super) ports: Vec<PortReport>,
    /// Of the last run; nothing while it runs.
    pub(super) exit_code: Option<i64>,
    /// By the guard, because its health check failed, since its container was made.
    pub(super) guard_restarts: usize,
    /// The guard restarts it no more: that did not help.
    pub(super) given_up: bool,
    pub(super) last_restart: Option<Restart>,
    pub(super) problem: Option<String>,
    /// What to do about it.
    pub(super) next: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct CheckReport {
    pub(super) at: String,
    pub(super) ok: bool,
    pub(super) output: String,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct PortReport {
    pub(super) host: u16,
    pub(super) container: String,
}

/// What a container uses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usage {
    /// Percent of one processor, where two samples were taken.
    pub(super) processor: Option<f64>,
    /// In bytes.
    pub(super) memory: u64,
}

/// What is known of a container beside its state.
pub(super) struct Evidence<'a> {
    pub(super) problem: Option<String>,
    pub(super) usage: Option<Usage>,
    pub(super) end: Option<&'a End>,
    /// The guard's.
    pub(super) log: &'a str,
    pub(super) flags: &'a str,
}

impl Report {
    /// Of `project` with these services.
    pub(super) fn new(
        project: &Project,
        url: Option<String>,
        guard: Guard,
        interrupted_restore: Option<Phase>,
        smoke: Option<LastSmoke>,
        services: Vec<ServiceReport>,
    ) -> Self {
        let whole = interrupted_restore != Some(Phase::Commit);
        Self {
            schema: 1,
            environment: project.environment.clone(),
            instance: project.instance.clone(),
            project: project.compose_name(),
            url,
            well: whole && !services.is_empty() && services.iter().all(|service| service.problem.is_none()),
            guard,
            interrupted_restore,
            smoke,
            services,
            flags: project.flags(),
        }
    }

    /// The Compose project.
    pub(crate) fn project(&self) -> &str {
        &self.project
    }

    /// What `service` is called: with the number of the container where it has several.
    pub(super) fn label(&self, service: &ServiceReport) -> String {
        let several = self.services.iter().filter(|other| other.name == service.name).count() > 1;
        if several && service.container.is_some() { format!("{}-{}", service.name, service.number) } else { service.name.clone() }
    }

    /// What a reader would call a change: everything but figures and what was checked when.
    pub(crate) fn gist(&self) -> String {
        let service = |service: &ServiceReport| {
            let ServiceReport { name, container, state, health, since, restarts, guard_restarts, given_up, problem, .. } = service;
            format!("{name} {container:?} {state} {health:?} {since:?} {restarts} {guard_restarts} {given_up} {problem:?}\n")
        };
        let smoke = self.smoke.as_ref().map(|smoke| (&smoke.at, &smoke.broken));
        format!(
            "{:?} {:?} {:?} {smoke:?}\n{}",
            self.url,
            self.guard,
            self.interrupted_restore,
            self.services.iter().map(service).collect::<String>()
        )
    }
}

impl ServiceReport {
    pub(super) fn new(container: &Container, evidence: Evidence<'_>) -> Self {
        let state = &container.state;
        let running = container.running();
        let moment = if running { &state.started_at } else { &state.finished_at };
        let last_check = container.last_check().filter(|_| running).map(|check| CheckReport {
            at: check.end.clone(),
            ok: check.exit_code == 0,
            output: check.output.trim().to_owned(),
        });
        let guard = restarts::by_guard(evidence.log, container.service(), &container.created);
        let next = evidence.problem.as_ref().map(|_| health::next_step(container.service(), Some(container), evidence.flags));
        Self {
            name: container.service().to_owned(),
            container: Some(container.name().to_owned()),
            number: container.number(),
            state: if container.completed() && evidence.problem.is_none() { "completed".to_owned() } else { state.status.clone() },
            health: container.health().map(str::to_owned),
            since: Some(moment.clone()).filter(|moment| !moment.starts_with("0001-")),
            last_check,
            restarts: container.restart_count,
            image: container.image_name().to_owned(),
            cpu_percent: evidence.usage.and_then(|usage| usage.processor),
            memory_bytes: evidence.usage.map(|usage| usage.memory),
            memory_limit_bytes: Some(container.memory_limit()).filter(|limit| *limit > 0),
            ports: container.published().into_iter().map(|(host, own)| PortReport { host, container: own.to_owned() }).collect(),
            exit_code: Some(state.exit_code).filter(|_| !running && state.status != "created"),
            last_restart: restarts::latest(guard.last(), restarts::by_engine(container, evidence.end)),
            guard_restarts: guard.len(),
            given_up: evidence.problem.is_some() && restarts::given_up(evidence.log, container.service(), &state.started_at),
            problem: evidence.problem,
            next,
        }
    }

    /// What there is to say of containers of `service` that are not there, where it has `count`: it is scaled to none, or has too few or too many.
    pub(super) fn without_container(name: &str, service: &Service, count: usize, flags: &str) -> Self {
        let problem = health::count_problem(service, count);
        Self {
            name: name.to_owned(),
            container: None,
            number: u32::MAX,
            state: if problem.is_some() { "absent" } else { "scaled to 0" }.to_owned(),
            health: None,
            since: None,
            last_check: None,
            restarts: 0,
            image: service.image.clone().unwrap_or_default(),
            cpu_percent: None,
            memory_bytes: None,
            memory_limit_bytes: None,
            ports: Vec::new(),
            exit_code: None,
            guard_restarts: 0,
            given_up: false,
            last_restart: None,
            next: problem.as_ref().map(|_| health::next_step(name, None, flags)),
            problem,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::Path;

    use super::*;
    use crate::engine::containers::tests::sample;
    use crate::model::tests::sample as sample_model;

    fn service(container: &Container, problem: Option<&str>) -> ServiceReport {
        let log = "2026-01-01T00:00:05Z backend: its health check fails; restarts did not help\n\
                   2026-01-01T00:00:02Z worker is unhealthy and is restarted: no heartbeat for 21 s\n";
        let usage = container.running().then_some(Usage { processor: Some(12.5), memory: 29 << 20 });
        let end = End { exit_code: 137, out_of_memory: false };
        let evidence = Evidence { problem: problem.map(str::to_owned), usage, end: Some(&end), log, flags: "" };
        ServiceReport::new(container, evidence)
    }

    /// A stack with one service of each kind of trouble.
    pub(in crate::status) fn broken() -> Report {
        let calm = |name: &str| {
            let mut container = sample(name, "running", Some("healthy"));
            container.restart_count = 0;
            container
        };
        let mut worker = calm("worker");
        worker.state.status = "paused".to_owned();
        let mut mail = calm("mail");
        mail.state.health = None;
        let mut backend = sample("backend", "running", Some("unhealthy"));
        backend.state.finished_at = "2026-01-01T00:00:00.1Z".to_owned();
        let mut migrate = sample("migrate", "exited", None);
        migrate.restart_count = 0;
        let mut proxy = calm("proxy");
        proxy.state.health = sample("proxy", "running", Some("starting")).state.health;
        let services = vec![
            service(&backend, Some("its health check fails: error: 127.0.0.1:8000 does not answer")),
            service(&calm("db"), None),
            service(&calm("frontend"), None),
            service(&mail, None),
            service(&migrate, None),
            service(&proxy, Some("it is not ready yet")),
            ServiceReport::without_container("redis", &sample_model().services["redis"], 0, ""),
            service(&worker, Some("it is paused")),
        ];
        let project = Project::new(Path::new("/nowhere").to_owned(), "local", Some("main")).expect("names");
        let broken = ["backend", "worker"].map(str::to_owned).into();
        let smoke = LastSmoke { at: "2026-01-01T00:01:00Z".to_owned(), passed: 30, failed: 10, broken };
        Report::new(&project, Some("http://localhost:8080".to_owned()), Guard::Missing, Some(Phase::Commit), Some(smoke), services)
    }

    #[test]
    fn the_json_has_the_documented_fields() {
        insta::assert_snapshot!(serde_json::to_string_pretty(&broken()).expect("serializable"));
    }

    #[test]
    fn figures_and_times_are_no_change() {
        let before = broken();
        let mut later = before.clone();
        later.services[1].cpu_percent = Some(99.0);
        later.services[1].last_check = None;
        assert_eq!(later.gist(), before.gist());
        later.services[1].guard_restarts = 1;
        assert_ne!(later.gist(), before.gist());
        let mut alone = before.clone();
        alone.guard = Guard::Running;
        assert_ne!(alone.gist(), before.gist());
    }

    #[test]
    fn somebody_should_restart_what_hangs() {
        let guard = [(true, false, false), (false, false, false), (true, true, false), (false, true, true)];
        let guard = guard.map(|(wanted, guarded, attached)| Guard::new(wanted, guarded, attached));
        assert_eq!(guard, [Guard::Missing, Guard::Off, Guard::Running, Guard::Dev]);
    }
}
