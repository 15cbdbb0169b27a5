//! Files changed: what follows at once, what goes through the compiler, and the record of it.

use std::path::{Path, PathBuf};

use super::plan::{Plan, Refresh};
use super::protocol::{Change, Phase, ToHub};
use super::run::{Current, Loop};
use crate::logs::Stamp;
use crate::watch::Batch;

/// A changed file, as it is told of, and what it means.
type File = (String, Plan);

/// A path as people and containers write it.
pub(super) fn slashed(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}

/// The names of those that mean what is wanted.
fn named(files: &[File], wanted: impl Fn(&Plan) -> bool) -> Vec<String> {
    files.iter().filter(|(_, plan)| wanted(plan)).map(|(name, _)| name.clone()).collect()
}

impl Loop<'_, '_> {
    /// Files changed.
    pub(super) fn changed(&mut self, batch: &Batch) {
        if batch.rescan {
            self.volume.detail("the whole tree was compared");
        }
        let paths: Vec<PathBuf> = batch.changed.iter().map(|change| change.path.clone()).collect();
        // A new package or a new dependency between packages, or what a build sees.
        if paths.iter().any(|path| path.ends_with("Cargo.toml") || path.ends_with(".dockerignore")) {
            self.plan_anew();
        }
        // What each file means, and all of them together: a batch may have files of several kinds.
        let files: Vec<File> = paths.iter().map(|path| (slashed(path), self.planner.plan([path.as_path()]))).collect();
        let plan = files.iter().map(|(_, plan)| plan.clone()).fold(Plan::default(), Plan::and);
        let detect = u64::try_from(batch.decided.duration_since(batch.first_event).as_millis()).unwrap_or(u64::MAX);
        let (build, rest) = plan.split();
        if !rest.is_empty() {
            self.at_once(rest, &files, detect);
        }
        let names = named(&files, |plan| !plan.build.is_empty() || plan.migrate);
        // Cargo itself writes it while it builds with a new dependency.
        let by_cargo = names == ["Cargo.lock"] && self.cycle.building() && self.current_names(|name| name.ends_with("Cargo.toml"));
        if !build.is_empty() && !by_cargo {
            self.bring(build, names, detect);
        }
    }

    fn current_names(&self, wanted: impl Fn(&String) -> bool) -> bool {
        self.current.as_ref().is_some_and(|current| current.change.paths.iter().any(wanted))
    }

    /// What needs no compiler.
    fn at_once(&mut self, plan: Plan, files: &[File], detect_ms: u64) {
        if let Some(refresh) = plan.refresh {
            let kind = if refresh == Refresh::Style { "style" } else { "page" };
            let names = named(files, |plan| plan.refresh.is_some());
            self.tell.hub(&ToHub::Refresh { kind, paths: names });
            // Of what a service is asked about, its answer tells.
            let names = named(files, |plan| plan.refresh.is_some() && plan.reload.is_empty());
            if !names.is_empty() {
                let change = self.new_change(names, detect_ms, Phase::Done);
                self.tell.change(&change);
            }
        }
        for service in &plan.reload {
            let names = named(files, |plan| plan.reload.contains(service));
            self.reload(service, &names);
        }
        self.follow_rules(plan.rules);
        if plan.configure {
            self.configure.get_or_insert_default();
        }
        self.apply();
    }

    pub(super) fn bring(&mut self, plan: Plan, names: Vec<String>, detect_ms: u64) {
        let next = self.cycle.changed(plan);
        if next.orders.is_empty() {
            // It waits for the end of the swap, and is told about with what comes then.
            self.waiting.extend(names);
            return;
        }
        let mut paths = names;
        if let Some(mut current) = self.current.take() {
            current.change.phase = Phase::Cancelled;
            self.tell.change(&current.change);
            paths.extend(current.change.paths);
            paths.sort();
            paths.dedup();
        }
        let change = self.new_change(paths, detect_ms, Phase::Building);
        self.tell.change(&change);
        self.current = Some(Current { change, built: None });
        self.follow(next);
    }

    pub(super) fn new_change(&mut self, paths: Vec<String>, detect_ms: u64, phase: Phase) -> Change {
        self.changes += 1;
        Change {
            id: self.changes,
            at: Stamp::now().to_string(),
            paths,
            phase,
            detect_ms,
            build_ms: None,
            swap_ms: None,
            what: Vec::new(),
            end: None,
        }
    }
}
