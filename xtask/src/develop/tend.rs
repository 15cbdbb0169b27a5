//! Tending the stack while somebody is attached: what the engine says, services that are not well, files that services take anew, settings.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Instant;

use super::connect::plain;
use super::deeds::{self, Outcome, Ruled};
use super::heal::Verdict;
use super::protocol::{Phase, Problem, ToHub};
use super::run::{Looking, Loop, Message};
use crate::commands;
use crate::engine::containers::Container;
use crate::engine::events::{Change, Event};
use crate::logs::Stamp;
use crate::model::Action;
use crate::stack::{Resolved, Stack};

/// Why a service was restarted that nobody did anything about.
const UNWELL: &str = "it was unhealthy";
/// What changed, where it is no file of the programs.
const SETTINGS: &str = "settings of the stack";
const IMAGES: &str = "what an image is built from";

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
    /// Asks the engine how the containers are.
    pub(super) fn look(&mut self) {
        if self.looking != Looking::No {
            self.looking = Looking::Again;
            return;
        }
        self.looking = Looking::Yes;
        let (send, stack) = (self.send.clone(), self.stack.clone());
        self.scope.spawn(move || drop(send.send(Message::Containers(stack.containers().ok()))));
    }

    /// This is how they are.
    pub(super) fn seen(&mut self, containers: Option<Vec<Container>>) {
        let again = std::mem::replace(&mut self.looking, Looking::No) == Looking::Again;
        if let Some(containers) = containers {
            let first = self.containers.is_empty();
            self.containers = containers;
            if first {
                self.meet();
            }
            self.paint();
        }
        if again {
            self.look();
        }
    }

    /// Begins with what runs already.
    fn meet(&mut self) {
        let running: Vec<(String, String)> = self.containers.iter().filter(|container| container.running()).map(named).collect();
        running.into_iter().for_each(|(service, id)| self.connect(&service, &id));
        // What was edited while nobody watched.
        let reloadable: Vec<String> = self.planner.reloadable().cloned().collect();
        reloadable.iter().for_each(|service| self.reload(service, &[]));
        for service in self.planner.unknown_rules() {
            self.volume.say(format!(
                "`develop.watch` of `{service}` has an action that is not followed: sync, restart, sync+restart and rebuild are"
            ));
        }
    }

    pub(super) fn engine_said(&mut self, event: &Event) {
        match event.change {
            Change::Started => self.started(&event.service, &event.id),
            Change::Healthy => self.tell.solved(&format!("service:{}", event.service)),
            Change::Unhealthy => self.unwell(&event.service),
            Change::Exited(_) => {}
        }
        self.look();
    }

    fn started(&mut self, service: &str, id: &str) {
        self.connect(service, id);
        if self.resolved.model.one_shot(service) {
            return;
        }
        if self.applying {
            self.restarts.expect(service, "its settings or its image changed");
        }
        if self.restarts.started(service, Stamp::now().to_string()) != UNWELL {
            self.healer.forget(service);
        }
    }

    fn unwell(&mut self, service: &str) {
        let key = format!("service:{service}");
        match self.healer.unwell(service, Instant::now()) {
            Verdict::Restart(pause) => {
                let check = self.containers.iter().find(|container| container.service() == service).and_then(Container::last_check);
                let text = check.map(|check| check.output.trim().to_owned()).unwrap_or_default();
                let title = "is unhealthy and is restarted".to_owned();
                self.tell.problem(Problem { title, text, ..plain(&key, "service", service) });
                self.due.push((Instant::now() + pause, service.to_owned()));
            }
            Verdict::GiveUp => {
                let title = "IS UNHEALTHY, AND RESTARTS DO NOT HELP: it is left alone".to_owned();
                let text = format!("`cargo xtask logs {service}` shows what it says, `cargo xtask restart {service}` tries again");
                self.tell.problem(Problem { title, text, ..plain(&key, "service", service) });
            }
            Verdict::Nothing => {}
        }
    }

    pub(super) fn restart_what_is_due(&mut self) {
        let now = Instant::now();
        let (due, later) = std::mem::take(&mut self.due).into_iter().partition(|(at, _)| *at <= now);
        self.due = later;
        let due: Vec<(Instant, String)> = due;
        for (_, service) in due {
            // It may have become well meanwhile.
            let open = self.tell.open(&format!("service:{service}"));
            let Some(id) = self.container(&service).filter(|_| open) else { continue };
            self.restarts.expect(&service, UNWELL);
            let send = self.send.clone();
            self.scope.spawn(move || {
                let outcome = deeds::perform(&commands::engine::restart(&[id]));
                drop(send.send(Message::Restarted(service, outcome)));
            });
        }
    }

    pub(super) fn restarted(&mut self, service: &str, outcome: Outcome) {
        if let Err(reason) = outcome {
            self.volume.say(format!("{service} cannot be restarted: {reason}"));
        }
    }

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
        let Some(container) = self.container(&service) else { return };
        self.ruling.insert(service.clone(), Vec::new());
        let names: Vec<String> = files.iter().map(|(_, path, _)| path.to_string_lossy().replace('\\', "/")).collect();
        if files.iter().any(|(action, ..)| matches!(action, Action::Restart | Action::SyncRestart)) {
            names.iter().take(1).for_each(|name| self.restarts.expect(&service, name));
        }
        let (send, root) = (self.send.clone(), self.stack.project.root.clone());
        self.scope.spawn(move || {
            let outcome = deeds::follow(&root, &container, &files).iter().try_for_each(deeds::perform);
            drop(send.send(Message::Ruled(service, names, outcome)));
        });
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

    /// Brings the stack to what its files say, if they changed; one after the other.
    pub(super) fn apply(&mut self) {
        if self.applying {
            return;
        }
        let Some(services) = self.configure.take() else { return };
        self.applying = true;
        let (send, again) = (self.send.clone(), self.again);
        let services: Vec<String> = services.into_iter().collect();
        self.scope.spawn(move || {
            let result = again(&services).map(Box::new);
            drop(send.send(Message::Again(services, result)));
        });
    }

    pub(super) fn applied(&mut self, services: &[String], result: anyhow::Result<Box<(Stack, Resolved)>>) {
        self.applying = false;
        // A start listens for itself.
        self.listen();
        match result {
            Ok(new) => {
                (self.stack, self.resolved) = *new;
                if let Ok(planner) = super::connect::planner(&self.stack, &self.resolved) {
                    self.planner = planner;
                }
                self.tell.solved("config");
                let mut change = self.new_change(vec![if services.is_empty() { SETTINGS } else { IMAGES }.to_owned()], 0, Phase::Done);
                change.what = if services.is_empty() { vec!["stack".to_owned()] } else { services.to_vec() };
                self.tell.change(&change);
                self.tell.hub(&ToHub::Refresh { kind: "page", paths: Vec::new() });
            }
            Err(error) => {
                let title = match services {
                    [] => "the new settings cannot be used".to_owned(),
                    services => format!("the new image of {} cannot be used", services.join(", ")),
                };
                self.tell.problem(Problem { title, text: format!("{error:#}"), ..plain("config", "config", "stack") });
            }
        }
        self.look();
        self.apply();
    }
}

fn named(container: &Container) -> (String, String) {
    (container.service().to_owned(), container.id.clone())
}
