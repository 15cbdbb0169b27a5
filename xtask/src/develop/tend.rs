//! Tending the stack while somebody is attached: what the engine says, services that are not well, files that services take anew, settings.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Instant;

use super::connect::plain;
use super::deeds::{self, GRACE, Outcome};
use super::heal::Verdict;
use super::protocol::{Phase, Problem, ToHub};
use super::run::{Loop, Message};
use crate::commands;
use crate::engine::containers::Container;
use crate::engine::events::{Change, Event};
use crate::logs::Stamp;
use crate::model::Action;
use crate::stack::{Resolved, Stack};

impl Loop<'_, '_> {
    /// Asks the engine how the containers are.
    pub(super) fn look(&mut self) {
        if std::mem::replace(&mut self.looking, true) {
            return;
        }
        let (send, stack) = (self.send.clone(), self.stack.clone());
        self.scope.spawn(move || drop(send.send(Message::Containers(stack.containers().unwrap_or_default()))));
    }

    /// This is how they are.
    pub(super) fn seen(&mut self, containers: Vec<Container>) {
        self.looking = false;
        let first = self.containers.is_empty();
        self.containers = containers;
        if first {
            let running: Vec<(String, String)> = self.containers.iter().filter(|container| container.running()).map(named).collect();
            running.into_iter().for_each(|(service, id)| self.connect(&service, &id));
        }
        self.paint();
    }

    pub(super) fn engine_said(&mut self, event: &Event) {
        match event.change {
            Change::Started => {
                self.connect(&event.service, &event.id);
                if !self.resolved.model.one_shot(&event.service) {
                    if self.applying {
                        self.restarts.expect(&event.service, "the settings of the stack");
                    }
                    self.restarts.started(&event.service, Stamp::now().to_string());
                }
            }
            Change::Healthy => self.tell.solved(&format!("service:{}", event.service)),
            Change::Unhealthy => self.unwell(&event.service),
            Change::Exited(_) => {}
        }
        self.look();
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
            self.restarts.expect(&service, "it was unhealthy");
            let send = self.send.clone();
            self.scope.spawn(move || {
                let outcome = deeds::perform(&commands::engine::restart(&[id], GRACE));
                drop(send.send(Message::Restarted(service, outcome)));
            });
        }
    }

    pub(super) fn restarted(&mut self, service: &str, outcome: Outcome) {
        if let Err(reason) = outcome {
            self.volume.say(format!("{service} cannot be restarted: {reason}"));
        }
    }

    /// Lets a service take its mounted files anew.
    pub(super) fn reload(&mut self, service: &str) {
        let how = self.resolved.model.develop.as_ref().and_then(|develop| develop.reload.get(service)).cloned();
        let (Some(how), Some(container)) = (how, self.container(service)) else { return };
        let (send, service) = (self.send.clone(), service.to_owned());
        self.scope.spawn(move || drop(send.send(Message::Reloaded(service, deeds::reload(&container, &how)))));
    }

    pub(super) fn reloaded(&mut self, service: &str, outcome: Outcome) {
        let key = format!("reload:{service}");
        match outcome {
            Ok(()) => {
                self.tell.solved(&key);
                let mut change = self.new_change(vec![format!("files of {service}")], 0, Phase::Done);
                change.what = vec![service.to_owned()];
                self.tell.change(&change);
                self.tell.hub(&ToHub::Refresh { kind: "page", paths: change.paths });
            }
            Err(text) => {
                let title = "refuses its new files: it goes on with the ones before".to_owned();
                self.tell.problem(Problem { title, text, ..plain(&key, "proxy", service) });
            }
        }
    }

    /// Does what Compose's own rules say.
    pub(super) fn follow_rules(&mut self, rules: BTreeSet<(String, Action, PathBuf, Option<String>)>) {
        let mut restarts = BTreeSet::new();
        for (service, action, path, target) in rules {
            if action == Action::Rebuild {
                self.configure.get_or_insert_default().insert(service);
                continue;
            }
            let Some(container) = self.container(&service) else { continue };
            let mut lines = deeds::rule(&self.stack.project.root, &container, action, &path, target.as_deref());
            // Many files are one restart.
            if action != Action::Sync && !restarts.insert(service.clone()) {
                lines.truncate(lines.len().saturating_sub(1));
            } else if action != Action::Sync {
                self.restarts.expect(&service, &path.to_string_lossy().replace('\\', "/"));
            }
            let send = self.send.clone();
            self.scope.spawn(move || {
                let outcome = lines.iter().try_for_each(deeds::perform);
                drop(send.send(Message::Ruled(service, outcome)));
            });
        }
    }

    pub(super) fn ruled(&mut self, service: &str, outcome: Outcome) {
        let key = format!("rule:{service}");
        match outcome {
            Ok(()) => {
                self.tell.solved(&key);
                self.tell.hub(&ToHub::Refresh { kind: "page", paths: Vec::new() });
            }
            Err(text) => {
                let title = "an edit did not get into its container".to_owned();
                self.tell.problem(Problem { title, text, ..plain(&key, "service", service) });
            }
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
        self.scope.spawn(move || drop(send.send(Message::Again(again(&services).map(Box::new)))));
    }

    pub(super) fn applied(&mut self, result: anyhow::Result<Box<(Stack, Resolved)>>) {
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
                let mut change = self.new_change(vec!["settings of the stack".to_owned()], 0, Phase::Done);
                change.what = vec!["stack".to_owned()];
                self.tell.change(&change);
            }
            Err(error) => {
                let title = "the new settings are not in use: the stack goes on as it was".to_owned();
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
