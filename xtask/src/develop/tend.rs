//! Tending the stack while somebody is attached: what the engine says, services that are not well, files that services take anew, settings.

use std::time::Instant;

use super::connect::plain;
use super::deeds::{self, Outcome};
use super::message::Message;
use super::protocol::{Phase, Problem, ToHub};
use super::run::{Looking, Loop};
use crate::commands;
use crate::engine::containers::Container;
use crate::engine::events::{Change, Event};
use crate::guard::heal::Verdict;
use crate::logs::Stamp;
use crate::stack::{Resolved, Stack};

/// Why a service was restarted that nobody did anything about.
const UNWELL: &str = "it was unhealthy";
/// What changed, where it is no file of the programs.
const SETTINGS: &str = "settings of the stack";
const IMAGES: &str = "what an image is built from";

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
                std::mem::take(&mut self.early).iter().for_each(|batch| self.changed(batch));
            }
            self.place();
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
            Change::Exited(code) => self.container_ended(&event.service, code),
            Change::Did(ref what) => self.done_elsewhere(what),
            Change::Asked | Change::Removed => {}
        }
        self.look();
    }

    /// A container ended that nobody here wanted to. Where the engine starts it again, that is over in a moment.
    fn container_ended(&mut self, service: &str, code: i64) {
        if self.applying || self.restarts.expected(service) || self.resolved.model.one_shot(service) {
            return;
        }
        let flags = self.stack.project.flags();
        let title = format!("its container ended with exit code {code}");
        let text = format!("`cargo xtask logs {service}{flags}` shows what it said, `cargo xtask up{flags}` starts it again");
        self.tell.problem(Problem { title, text, ..plain(&format!("ended:{service}"), "service", service) });
    }

    fn started(&mut self, service: &str, id: &str) {
        self.tell.solved(&format!("ended:{service}"));
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
        let container = self.containers.iter().find(|container| container.service() == service);
        if container.is_some_and(|container| container.is_examined(&self.containers)) {
            let title = "does not answer its health check; it is not restarted, because a debugger may have stopped it".to_owned();
            self.tell.problem(Problem { title, ..plain(&key, "service", service) });
            return;
        }
        match self.healer.unwell(service, Instant::now()) {
            Verdict::Restart(pause) => {
                let check = container.and_then(Container::last_check);
                let text = check.map(|check| check.output.trim().to_owned()).unwrap_or_default();
                let title = "is unhealthy and is restarted".to_owned();
                self.tell.problem(Problem { title, text, ..plain(&key, "service", service) });
                self.due.push((Instant::now() + pause, service.to_owned()));
            }
            Verdict::GiveUp => {
                let title = "IS UNHEALTHY, AND RESTARTS DO NOT HELP: it is left alone".to_owned();
                let flags = self.stack.project.flags();
                let text =
                    format!("`cargo xtask logs {service}{flags}` shows what it says, `cargo xtask restart {service}{flags}` tries again");
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
