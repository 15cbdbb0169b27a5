//! From a change that needs the compiler to new programs that serve: a state machine. Pure; what it orders is done elsewhere, and how that ended comes back in.
//!
//! The newest change wins: one that comes while an older one is built takes that over and has it built again, together. Once programs are being
//! replaced, a newer change waits for the moment that takes. If anything fails, the old programs go on, all of them: two services that run one
//! program never stay on different builds.

use std::collections::{BTreeMap, BTreeSet};

use super::plan::Plan;

/// Counts the orders, so that an answer to an older one is told apart.
pub(crate) type Id = u64;

/// A program that was built: where it is in the containers.
pub(crate) type Build = String;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// Build these packages; a build that runs is given up.
    Build(Id, BTreeSet<String>),
    /// Make a build the one that a container starts with.
    Promote(String, Build),
    /// Bring the database up to date, with the promoted build.
    Migrate(Id),
    /// Let a service run a build.
    Swap(Id, String, Build),
}

/// How an order ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The programs that were linked anew, by package; nothing when the compiler refused.
    Built(Option<BTreeMap<String, Build>>),
    /// Whether the database is up to date.
    Migrated(bool),
    /// Whether a service runs what it was told to.
    Swapped(String, bool),
}

/// How a change ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// These services run new programs; none does where nothing came of the change.
    Live(BTreeSet<String>),
    /// The compiler refused.
    NotBuilt,
    /// The database could not be brought up to date.
    NotMigrated,
    /// This service did not start with its new program.
    NotStarted(String),
}

/// What follows from something that happened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Next {
    /// What is to be done now.
    pub(crate) orders: Vec<Order>,
    /// How the change that was under way ended.
    pub(crate) outcome: Option<Outcome>,
}

/// Where the work is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cycle {
    /// The package of the program that each service runs that can be told to run another one, and the build that it has.
    services: BTreeMap<String, (String, Option<Build>)>,
    /// The build that a container starts with, by package.
    promoted: BTreeMap<String, Build>,
    last: Id,
    stage: Stage,
    /// What is under way, or was when it failed: the next change has to bring it too.
    unfinished: Plan,
    /// What came while programs were being replaced.
    waiting: Plan,
}

#[derive(Clone, Debug, Default)]
enum Stage {
    #[default]
    Idle,
    Building,
    Migrating {
        builds: BTreeMap<String, Build>,
    },
    Swapping {
        builds: BTreeMap<String, Build>,
        open: BTreeSet<String>,
        live: BTreeSet<String>,
        failed: Option<String>,
    },
}

impl Cycle {
    /// What containers start with now, by package.
    pub(crate) fn promoted(&mut self, promoted: BTreeMap<String, Build>) {
        self.promoted = promoted;
    }

    /// A service came that can be told to run another build of `package`, and has this one.
    pub(crate) fn connected(&mut self, service: &str, package: &str, build: Option<Build>) {
        self.services.insert(service.to_owned(), (package.to_owned(), build));
    }

    /// A service cannot be told any more. What it was told last may never be answered.
    pub(crate) fn lost(&mut self, service: &str) -> Next {
        self.services.remove(service);
        let waits = matches!(&self.stage, Stage::Swapping { open, .. } if open.contains(service));
        if waits { self.swapped(service, false) } else { Next::default() }
    }

    /// `service` went back to `build` by itself, because the new one ended as soon as it served: the others go back as well.
    pub(crate) fn fell_back(&mut self, service: &str, build: &Build) -> Vec<Order> {
        let Some((package, has)) = self.services.get_mut(service) else { return Vec::new() };
        let package = package.clone();
        *has = Some(build.clone());
        if !matches!(self.stage, Stage::Idle) || self.promoted.get(&package) == Some(build) {
            // What is under way brings another build anyway.
            return Vec::new();
        }
        self.promoted.insert(package.clone(), build.clone());
        let mut orders = vec![Order::Promote(package.clone(), build.clone())];
        let id = self.next();
        for (name, (of, has)) in &mut self.services {
            if *of == package && has.as_ref() != Some(build) {
                *has = Some(build.clone());
                orders.push(Order::Swap(id, name.clone(), build.clone()));
            }
        }
        orders
    }

    /// Nobody is there any more who could build.
    pub(crate) fn abandoned(&mut self) -> Next {
        match self.stage {
            Stage::Building => self.end(Outcome::NotBuilt, Vec::new()),
            Stage::Migrating { .. } => self.ended(self.last, Ended::Migrated(false)),
            Stage::Idle | Stage::Swapping { .. } => Next::default(),
        }
    }

    /// What has to be built yet, because it failed or there was no builder.
    pub(crate) fn unfinished(&self) -> Plan {
        self.unfinished.clone()
    }

    /// Whether a build is waited for.
    pub(crate) fn building(&self) -> bool {
        matches!(self.stage, Stage::Building)
    }

    /// Whether `id` is the build that is waited for.
    pub(crate) fn builds(&self, id: Id) -> bool {
        self.building() && id == self.last
    }

    /// Something changed.
    pub(crate) fn changed(&mut self, plan: Plan) -> Next {
        match self.stage {
            Stage::Idle | Stage::Building => {
                self.unfinished = std::mem::take(&mut self.unfinished).and(plan);
                Next { orders: vec![self.build()], outcome: None }
            }
            Stage::Migrating { .. } | Stage::Swapping { .. } => {
                self.waiting = std::mem::take(&mut self.waiting).and(plan);
                Next::default()
            }
        }
    }

    /// The order `id` ended; an answer to an older one changes nothing.
    pub(crate) fn ended(&mut self, id: Id, ended: Ended) -> Next {
        if id != self.last {
            return Next::default();
        }
        match (std::mem::take(&mut self.stage), ended) {
            (Stage::Building, Ended::Built(None)) => self.end(Outcome::NotBuilt, Vec::new()),
            (Stage::Building, Ended::Built(Some(builds))) if self.unfinished.migrate => {
                // The one-shot that migrates starts like any container.
                let mut orders = promote(&builds);
                orders.push(Order::Migrate(self.next()));
                self.stage = Stage::Migrating { builds };
                Next { orders, ..Next::default() }
            }
            (Stage::Building, Ended::Built(Some(builds))) => self.swap(builds),
            (Stage::Migrating { builds }, Ended::Migrated(true)) => self.swap(builds),
            (Stage::Migrating { builds }, Ended::Migrated(false)) => {
                let orders = self.demote(&builds);
                self.end(Outcome::NotMigrated, orders)
            }
            (stage @ Stage::Swapping { .. }, Ended::Swapped(service, good)) => {
                self.stage = stage;
                self.swapped(&service, good)
            }
            (stage, _) => {
                self.stage = stage;
                Next::default()
            }
        }
    }

    fn next(&mut self) -> Id {
        self.last += 1;
        self.last
    }

    fn build(&mut self) -> Order {
        self.stage = Stage::Building;
        Order::Build(self.next(), self.unfinished.build.clone())
    }

    fn swap(&mut self, builds: BTreeMap<String, Build>) -> Next {
        let id = self.next();
        let open: BTreeMap<String, Build> = self
            .services
            .iter()
            .filter_map(|(service, (package, has))| {
                let build = builds.get(package)?;
                (has.as_ref() != Some(build)).then(|| (service.clone(), build.clone()))
            })
            .collect();
        if open.is_empty() {
            let orders = promote(&builds);
            self.promoted.extend(builds);
            return self.end(Outcome::Live(BTreeSet::new()), orders);
        }
        let orders = open.iter().map(|(service, build)| Order::Swap(id, service.clone(), build.clone())).collect();
        self.stage = Stage::Swapping { builds, open: open.into_keys().collect(), live: BTreeSet::new(), failed: None };
        Next { orders, ..Next::default() }
    }

    fn swapped(&mut self, service: &str, good: bool) -> Next {
        let Stage::Swapping { builds, open, live, failed } = &mut self.stage else { return Next::default() };
        if !open.remove(service) {
            return Next::default();
        }
        if good {
            live.insert(service.to_owned());
        } else if failed.is_none() {
            *failed = Some(service.to_owned());
        }
        if !open.is_empty() {
            return Next::default();
        }
        let (builds, live, failed) = (std::mem::take(builds), std::mem::take(live), failed.take());
        match failed {
            None => {
                for service in &live {
                    if let Some((package, has)) = self.services.get_mut(service) {
                        *has = builds.get(package).cloned();
                    }
                }
                let orders = promote(&builds);
                self.promoted.extend(builds);
                self.end(Outcome::Live(live), orders)
            }
            Some(failed) => {
                let mut orders = self.demote(&builds);
                let id = self.next();
                let back = live.iter().filter_map(|service| {
                    let (_, has) = self.services.get(service)?;
                    Some(Order::Swap(id, service.clone(), has.clone()?))
                });
                orders.extend(back);
                self.end(Outcome::NotStarted(failed), orders)
            }
        }
    }

    /// Back to what containers started with before, where that differs from `builds`.
    fn demote(&self, builds: &BTreeMap<String, Build>) -> Vec<Order> {
        let before = builds.keys().filter_map(|package| Some((package, self.promoted.get(package)?)));
        before
            .filter(|(package, before)| builds.get(*package) != Some(before))
            .map(|(package, before)| Order::Promote(package.clone(), before.clone()))
            .collect()
    }

    fn end(&mut self, outcome: Outcome, mut orders: Vec<Order>) -> Next {
        self.stage = Stage::Idle;
        if matches!(outcome, Outcome::Live(_)) {
            self.unfinished = Plan::default();
        }
        let waiting = std::mem::take(&mut self.waiting);
        if !waiting.is_empty() {
            self.unfinished = std::mem::take(&mut self.unfinished).and(waiting);
            orders.push(self.build());
        }
        Next { orders, outcome: Some(outcome) }
    }
}

fn promote(builds: &BTreeMap<String, Build>) -> Vec<Order> {
    builds.iter().map(|(package, build)| Order::Promote(package.clone(), build.clone())).collect()
}

#[cfg(test)]
mod tests;
