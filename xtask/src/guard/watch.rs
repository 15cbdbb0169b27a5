//! What is done about services that are not well while nobody is attached. Pure; time is an argument.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use super::heal::{Healer, Verdict};
use crate::engine::containers::{self, Container};
use crate::engine::events::Change;
use crate::model::Model;

/// A service whose dependency was broken gets so long to become well by itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// Something that is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// The service is restarted at this time, if it is not well by then.
    Restart(String, Instant),
    /// Somebody is told that restarts do not help, and why the service is not well.
    Tell(String, String),
}

/// What is known.
pub(crate) struct Watch {
    healer: Healer,
    /// What each service needs, with what that needs in turn; one-shot services have no entry.
    needs: BTreeMap<String, BTreeSet<String>>,
    /// Services that are not well, because something that they need is not.
    waiting: BTreeSet<String>,
    /// Containers that were asked to end, by id.
    asked: BTreeSet<String>,
    /// Services that the guard itself restarts just now.
    own: BTreeSet<String>,
}

impl Watch {
    /// Over the services of `model`, which are restarted `limit` times.
    pub(crate) fn new(model: &Model, limit: u32) -> Self {
        let (waiting, asked, own) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let mut watch = Self { healer: Healer::new(limit), needs: BTreeMap::new(), waiting, asked, own };
        watch.learn(model, limit);
        watch
    }

    /// The files of the stack say something else now; what was tried still counts.
    pub(crate) fn learn(&mut self, model: &Model, limit: u32) {
        let services = model.services.keys().filter(|name| !model.one_shot(name));
        // What is scaled to zero holds nothing up.
        let runs = |name: &String| model.services.get(name).is_some_and(|service| service.replicas() > 0);
        self.needs = services.map(|name| (name.clone(), model.needs(name).into_iter().filter(runs).collect())).collect();
        self.healer.limit(limit);
    }

    /// The guard restarts `service` now.
    pub(crate) fn restarts(&mut self, service: &str) {
        self.own.insert(service.to_owned());
    }

    /// That did not work.
    pub(crate) fn could_not_restart(&mut self, service: &str) {
        self.own.remove(service);
    }

    /// Something happened to the container `id` of `service` while others are at work; nothing is to be done about it, but where they restart it, it may be restarted as often
    /// again.
    pub(crate) fn noted(&mut self, service: &str, id: &str, change: &Change) {
        match change {
            Change::Asked => {
                self.asked.insert(id.to_owned());
                if !self.own.contains(service) {
                    self.healer.forget(service);
                }
            }
            Change::Started | Change::Removed => {
                self.asked.remove(id);
                self.own.remove(service);
            }
            Change::Unhealthy
            | Change::Healthy
            | Change::Exited(_)
            | Change::Stopped
            | Change::Starved
            | Change::Unpaused
            | Change::Did(_) => {}
        }
    }

    /// Something happened to the container `id` of `service`; the others are as `containers` say.
    pub(crate) fn heard(&mut self, service: &str, id: &str, change: &Change, containers: &[Container], now: Instant) -> Vec<Act> {
        if !self.needs.contains_key(service) {
            return Vec::new();
        }
        match change {
            Change::Unhealthy if self.held_up(service, containers) => {
                self.waiting.insert(service.to_owned());
                Vec::new()
            }
            Change::Unhealthy => self.unwell(service, "its health check fails", true, containers, now),
            Change::Exited(_) if self.asked.remove(id) => Vec::new(),
            // The engine starts it again; so often that it is no use, somebody should know.
            Change::Exited(code) => {
                self.unwell(service, &format!("it ends again and again, with exit code {code}"), false, containers, now)
            }
            Change::Healthy => {
                self.waiting.remove(service);
                self.release(containers, now)
            }
            Change::Stopped | Change::Starved | Change::Unpaused | Change::Did(_) => Vec::new(),
            Change::Asked | Change::Started | Change::Removed => {
                self.noted(service, id, change);
                Vec::new()
            }
        }
    }

    /// Those who waited, and have nothing to wait for any more.
    fn release(&mut self, containers: &[Container], now: Instant) -> Vec<Act> {
        let ready = |waiting: &&String| !self.held_up(waiting, containers);
        let ready: Vec<String> = self.waiting.iter().filter(ready).cloned().collect();
        self.waiting.retain(|service| !ready.contains(service));
        ready.into_iter().map(|service| Act::Restart(service, now + PATIENCE)).collect()
    }

    fn unwell(&mut self, service: &str, reason: &str, restart: bool, containers: &[Container], now: Instant) -> Vec<Act> {
        match self.healer.unwell(service, now) {
            Verdict::Restart(pause) if restart => vec![Act::Restart(service.to_owned(), now + pause)],
            Verdict::GiveUp => {
                let mut acts = vec![Act::Tell(service.to_owned(), reason.to_owned())];
                acts.extend(self.release(containers, now));
                acts
            }
            Verdict::Restart(_) | Verdict::Nothing => Vec::new(),
        }
    }

    /// Whether something that `service` needs is not well: a restart would change nothing, and take away what still works. What was given up is not
    /// waited for: it would be without an end.
    fn held_up(&self, service: &str, containers: &[Container]) -> bool {
        let well = |name: &String| {
            if self.healer.gave_up(name) {
                return true;
            }
            let works = |container: &Container| container.completed() || (container.running() && container.health() != Some("unhealthy"));
            let mut own = containers::of(containers, name).peekable();
            own.peek().is_some() && own.all(works)
        };
        self.needs.get(service).is_some_and(|needs| !needs.iter().all(well))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::containers::tests::sample;

    const MODEL: &str = r#"{"services":{
        "db": {}, "migrate": {"restart":"no","depends_on":{"db":{"condition":"service_healthy"}}},
        "backend": {"depends_on":{"db":{"condition":"service_healthy"},"migrate":{"condition":"service_completed_successfully"}}},
        "proxy": {"depends_on":{"backend":{"condition":"service_healthy"}}}
    }}"#;

    fn watch(limit: u32) -> Watch {
        Watch::new(&Model::parse(MODEL).expect("a model"), limit)
    }

    fn containers(db: &str) -> Vec<Container> {
        vec![
            sample("db", "running", Some(db)),
            sample("migrate", "exited", None),
            sample("backend", "running", Some("unhealthy")),
            sample("proxy", "running", Some("healthy")),
        ]
    }

    #[test]
    fn what_hangs_is_restarted_less_and_less_often_and_told_once() {
        let (mut watch, now) = (watch(2), Instant::now());
        let mut unwell = || watch.heard("backend", "backend", &Change::Unhealthy, &containers("healthy"), now);
        let restart = |seconds| vec![Act::Restart("backend".to_owned(), now + Duration::from_secs(seconds))];
        assert_eq!([unwell(), unwell()], [restart(0), restart(1)]);
        assert_eq!(unwell(), [Act::Tell("backend".to_owned(), "its health check fails".to_owned())]);
        assert_eq!(unwell(), []);
    }

    #[test]
    fn what_somebody_restarts_begins_anew_and_what_the_guard_restarts_does_not() {
        let (mut watch, now) = (watch(1), Instant::now());
        let mut restarted = |own: bool| {
            if own {
                watch.restarts("backend");
            }
            for change in [Change::Asked, Change::Asked, Change::Exited(137), Change::Started] {
                assert_eq!(watch.heard("backend", "backend", &change, &containers("healthy"), now), []);
            }
            watch.heard("backend", "backend", &Change::Unhealthy, &containers("healthy"), now)
        };
        let restart = Act::Restart("backend".to_owned(), now);
        let tell = Act::Tell("backend".to_owned(), "its health check fails".to_owned());
        assert_eq!([restarted(false), restarted(true), restarted(true)], [vec![restart.clone()], vec![tell], vec![]]);
        assert_eq!(restarted(false), std::slice::from_ref(&restart));
        // The same while others are at work, when nothing but that is noted.
        let mut noted = |own: bool| {
            if own {
                watch.restarts("backend");
            }
            [Change::Asked, Change::Exited(137), Change::Started].iter().for_each(|change| watch.noted("backend", "backend", change));
            watch.heard("backend", "backend", &Change::Unhealthy, &containers("healthy"), now)
        };
        assert!([noted(false), noted(false)].iter().all(|acts| acts.contains(&restart)));
        assert!(!noted(true).contains(&restart));
    }

    #[test]
    fn what_was_given_up_is_not_waited_for() {
        let (mut watch, now) = (watch(1), Instant::now());
        let both = containers("healthy");
        assert_eq!(watch.heard("backend", "backend", &Change::Unhealthy, &both, now), [Act::Restart("backend".to_owned(), now)]);
        assert_eq!(watch.heard("proxy", "proxy", &Change::Unhealthy, &both, now), [], "the backend may be why");
        let acts = watch.heard("backend", "backend", &Change::Unhealthy, &both, now);
        let tell = Act::Tell("backend".to_owned(), "its health check fails".to_owned());
        assert_eq!(acts, [tell, Act::Restart("proxy".to_owned(), now + PATIENCE)]);
        assert_eq!(watch.heard("proxy", "proxy", &Change::Unhealthy, &both, now), [Act::Restart("proxy".to_owned(), now)]);
    }

    #[test]
    fn what_somebody_ends_does_not_count() {
        let (mut watch, now) = (watch(0), Instant::now());
        let mut heard = |change| watch.heard("backend", "backend", &change, &containers("healthy"), now).len();
        for _ in 0..3 {
            // As the restarts of the guard are heard, too.
            assert_eq!([heard(Change::Asked), heard(Change::Exited(137)), heard(Change::Started)], [0; 3]);
        }
        assert_eq!([heard(Change::Asked), heard(Change::Started), heard(Change::Exited(1))], [0, 0, 1], "that it was asked before is over");
    }

    #[test]
    fn what_ends_by_itself_is_left_to_the_engine_and_told_once() {
        let (mut watch, now) = (watch(2), Instant::now());
        let acts: Vec<Vec<Act>> =
            (0..4).map(|_| watch.heard("backend", "backend", &Change::Exited(3), &containers("healthy"), now)).collect();
        let told = Act::Tell("backend".to_owned(), "it ends again and again, with exit code 3".to_owned());
        assert_eq!(acts, [vec![], vec![], vec![told], vec![]]);
        assert_eq!(watch.heard("migrate", "migrate", &Change::Exited(1), &containers("healthy"), now), [], "it is to end");
    }

    #[test]
    fn where_a_dependency_is_broken_only_that_is_restarted() {
        let (mut watch, now) = (watch(5), Instant::now());
        assert_eq!(watch.heard("backend", "backend", &Change::Unhealthy, &containers("unhealthy"), now), []);
        assert_eq!(
            watch.heard("proxy", "proxy", &Change::Unhealthy, &containers("unhealthy"), now),
            [],
            "what it needs needs the database"
        );
        assert_eq!(watch.heard("db", "db", &Change::Unhealthy, &containers("unhealthy"), now), [Act::Restart("db".to_owned(), now)]);
        // Once it is well again, the others get a while to notice.
        let acts = watch.heard("db", "db", &Change::Healthy, &containers("healthy"), now);
        assert_eq!(acts, [Act::Restart("backend".to_owned(), now + PATIENCE)]);
        assert_eq!(
            watch.heard(
                "backend",
                "backend",
                &Change::Healthy,
                &{
                    let mut all = containers("healthy");
                    all[2] = sample("backend", "running", Some("healthy"));
                    all
                },
                now
            ),
            [Act::Restart("proxy".to_owned(), now + PATIENCE)]
        );
    }
}
