//! Files that need no compiler: services that take what is mounted anew, and Compose's own rules.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::change::slashed;
use super::connect::plain;
use super::deeds::{self, Outcome, Ruled};
use super::message::Message;
use super::protocol::{Phase, Problem, ToHub};
use super::run::Loop;
use crate::model::Action;

/// A service that takes new files when it is told to.
#[derive(Debug, Default)]
pub(super) struct Reloads {
    /// What the files held that it runs with.
    in_use: Option<u64>,
    /// Whether it is being told.
    running: bool,
    /// What changed meanwhile.
    waiting: Option<Vec<String>>,
}

/// How that ended.
pub(super) struct Reloaded {
    names: Vec<String>,
    content: u64,
    outcome: Outcome,
}

impl Loop<'_, '_> {
    /// Lets a service take its mounted files anew, of which `names` changed; nothing is told of it where there are none.
    pub(super) fn reload(&mut self, service: &str, names: &[String]) {
        let how = self.resolved.model.develop.as_ref().and_then(|develop| develop.reload.get(service)).cloned();
        let (Some(how), Some(container)) = (how, self.container(service)) else { return };
        let reloads = self.reloads.entry(service.to_owned()).or_default();
        if reloads.running {
            reloads.waiting.get_or_insert_default().extend_from_slice(names);
            return;
        }
        reloads.running = true;
        let (send, service, names, in_use) = (self.send.clone(), service.to_owned(), names.to_vec(), reloads.in_use);
        let paths: Vec<PathBuf> = self.planner.mounted(&service).iter().map(|path| self.stack.project.root.join(path)).collect();
        self.scope.spawn(move || {
            let content = deeds::fingerprint(&paths);
            // What was refused and is as before needs nothing: each reload costs clients their idle connections.
            let outcome = if in_use == Some(content) { Ok(()) } else { deeds::reload(&container, &how) };
            drop(send.send(Message::Reloaded(service, Reloaded { names, content, outcome })));
        });
    }

    pub(super) fn reloaded(&mut self, service: &str, Reloaded { names, content, outcome }: Reloaded) {
        let key = format!("reload:{service}");
        let reloads = self.reloads.entry(service.to_owned()).or_default();
        reloads.running = false;
        let (new, waiting) = (reloads.in_use != Some(content), reloads.waiting.take());
        let good = outcome.is_ok();
        match outcome {
            Ok(()) => {
                reloads.in_use = Some(content);
                self.tell.solved(&key);
            }
            Err(text) => {
                let title = "refuses its new files: it goes on with the ones before".to_owned();
                self.tell.problem(Problem { title, text, ..plain(&key, "proxy", service) });
            }
        }
        if !names.is_empty() {
            self.took(service, names, good);
        }
        if good && new {
            self.tell.hub(&ToHub::Refresh { kind: "page", paths: Vec::new() });
        }
        if let Some(names) = waiting {
            self.reload(service, &names);
        }
    }

    /// Tells of a change that needed no compiler.
    fn took(&mut self, service: &str, names: Vec<String>, good: bool) {
        let mut change = self.new_change(names, 0, if good { Phase::Done } else { Phase::Failed });
        change.what = vec![service.to_owned()];
        self.tell.change(&change);
    }

    /// Does what Compose's own rules say; for one service one after the other.
    pub(super) fn follow_rules(&mut self, rules: BTreeSet<(String, Action, PathBuf, Option<String>)>) {
        let mut files: BTreeMap<String, Vec<Ruled>> = BTreeMap::new();
        for (service, action, path, target) in rules {
            if action == Action::Rebuild {
                self.configure.get_or_insert_default().insert(service);
            } else {
                files.entry(service).or_default().push((action, path, target));
            }
        }
        for (service, files) in files {
            match self.ruling.get_mut(&service) {
                Some(waiting) => waiting.extend(files),
                None => self.rule(service, files),
            }
        }
    }

    fn rule(&mut self, service: String, files: Vec<Ruled>) {
        let Some(container) = self.container(&service) else {
            // It was just made, or is not there yet: the files wait for it.
            self.unplaced.entry(service).or_default().extend(files);
            return self.look();
        };
        self.ruling.insert(service.clone(), Vec::new());
        let names: Vec<String> = files.iter().map(|(_, path, _)| slashed(path)).collect();
        if files.iter().any(|(action, ..)| matches!(action, Action::Restart | Action::SyncRestart)) {
            names.iter().take(1).for_each(|name| self.restarts.expect(&service, name));
        }
        let (send, root) = (self.send.clone(), self.stack.project.root.clone());
        self.scope.spawn(move || {
            let outcome = deeds::follow(&root, &container, &files).iter().try_for_each(deeds::perform);
            drop(send.send(Message::Ruled(service, names, outcome)));
        });
    }

    /// Brings what waited for a container to those that there are now.
    pub(super) fn place(&mut self) {
        let containers: Vec<String> = self.containers.iter().map(|container| container.service().to_owned()).collect();
        for service in containers {
            if let Some(files) = self.unplaced.remove(&service) {
                self.rule(service, files.into_iter().collect());
            }
        }
    }

    pub(super) fn ruled(&mut self, service: String, names: Vec<String>, outcome: Outcome) {
        let key = format!("rule:{service}");
        self.took(&service, names, outcome.is_ok());
        match outcome {
            Ok(()) => {
                self.tell.solved(&key);
                self.tell.hub(&ToHub::Refresh { kind: "page", paths: Vec::new() });
            }
            Err(text) => {
                let title = "an edit did not get into its container".to_owned();
                self.tell.problem(Problem { title, text, ..plain(&key, "service", &service) });
            }
        }
        match self.ruling.remove(&service) {
            Some(waiting) if !waiting.is_empty() => self.rule(service, waiting),
            _ => {}
        }
    }
}
