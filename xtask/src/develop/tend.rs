//! Tending the stack while somebody is attached: what the engine says, services that are not well, files that services take anew, settings.

use std::path::{Path, PathBuf};
use std::time::Instant;

use super::connect::plain;
use super::deeds::{self, Outcome};
use super::leave::Now;
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
            self.containers = containers;
            if !std::mem::replace(&mut self.met, true) {
                self.meet();
                std::mem::take(&mut self.early).iter().for_each(|batch| self.changed(batch));
            }
            // An older answer may be of the time before what is judged.
            if !again {
                self.tell_leavers();
                self.judge();
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
        // What was edited while no loop ran.
        let reloadable: Vec<String> = self.planner.told().cloned().collect();
        reloadable.iter().for_each(|service| self.reload(service, &[]));
        for (service, why) in self.planner.unfollowed() {
            self.volume.say(format!("a rule in `develop.watch` of `{service}` {why}"));
        }
        let first =
            self.planner.initial().flat_map(|path| self.files_below(path)).flat_map(|path| self.planner.bring_at_first(&path)).collect();
        self.follow_rules(first);
    }

    /// The files at or below `path` (relative to the root) that rules may mean.
    fn files_below(&self, path: &Path) -> Vec<PathBuf> {
        let (mut files, mut open) = (Vec::new(), vec![path.to_owned()]);
        while let Some(path) = open.pop() {
            match std::fs::read_dir(self.stack.project.root.join(&path)) {
                Ok(entries) if self.planner.is_on_the_way(&path) && !path.ends_with(".git") => {
                    open.extend(entries.flatten().map(|entry| path.join(entry.file_name())));
                }
                Ok(_) => {}
                Err(_) => files.push(path),
            }
        }
        files
    }

    pub(super) fn engine_said(&mut self, event: &Event) {
        if matches!(event.change, Change::Healthy | Change::Started | Change::Exited(_) | Change::Removed) {
            self.unwell.remove(&(event.service.clone(), event.id.clone()));
        }
        match event.change {
            Change::Started => self.started(&event.service, &event.id),
            Change::Healthy => self.tell.solved(&format!("service:{}", event.service)),
            Change::Unhealthy => self.unwell(&event.service, &event.id),
            Change::Asked => self.leavers.asked(&event.id),
            Change::Starved => self.leavers.starved(&event.id),
            Change::Exited(code) => self.container_ended(event, code),
            Change::Stopped => self.leavers.stopped(&event.id),
            Change::Removed => self.leavers.removed(&event.id),
            Change::Did(ref what) => self.done_elsewhere(what),
            Change::Unpaused => {}
        }
        self.look();
    }

    /// A container ended. Why is known once the engine has said all of it.
    fn container_ended(&mut self, event: &Event, code: i64) {
        let ours = self.applying || self.ours.contains(&event.id);
        if !ours && !self.resolved.model.one_shot(&event.service) {
            self.leavers.ended(&event.id, &event.service, code);
        }
    }

    /// Tells of containers that ended without the loop: a command or a person wanted it, or it is an error. Where the engine starts one again, that is
    /// over as soon as it is up.
    fn tell_leavers(&mut self) {
        let flags = self.stack.project.flags();
        for left in self.leavers.take() {
            let (key, service) = (format!("ended:{}", left.service), left.service.as_str());
            if !left.is_error() {
                self.tell.solved(&key);
                self.volume.say(left.sentence(&flags));
                continue;
            }
            // What ends again and again is told once, and so is what new files did.
            let of_new_files = self.proofs.get(service).is_some_and(|proof| !proof.names.is_empty());
            if of_new_files || self.tell.open(&key) || self.tell.open(&format!("rule:{service}")) {
                continue;
            }
            let text =
                format!("`cargo xtask logs {service}{flags}` shows what it said, `cargo xtask restart {service}{flags}` starts it again");
            self.tell.problem(Problem { title: left.sentence(&flags), text, ..plain(&key, "service", service) });
            if left.now == Now::Started {
                self.prove(service);
            }
        }
    }

    fn started(&mut self, service: &str, id: &str) {
        self.leavers.started(id, service);
        self.ours.remove(id);
        if let Some(proof) = self.proofs.get_mut(service) {
            proof.since = Instant::now();
        }
        if self.tell.open(&format!("ended:{service}")) || self.tell.open(&format!("rule:{service}")) {
            self.prove(service);
        }
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

    fn unwell(&mut self, service: &str, id: &str) {
        // The engine says it once, and may be asked how its containers are only after that.
        self.unwell.insert((service.to_owned(), id.to_owned()));
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
            let unwell = self.unwell.iter().filter(|(of, _)| open && *of == service);
            let ids: Vec<String> = unwell.map(|(_, id)| id.clone()).collect();
            if ids.is_empty() {
                continue;
            }
            self.restarts.expect(&service, UNWELL);
            self.ours.extend(ids.iter().cloned());
            let send = self.send.clone();
            self.scope.spawn(move || {
                let outcome = deeds::perform(&commands::engine::restart(&ids));
                drop(send.send(Message::Restarted(service, outcome)));
            });
        }
    }

    pub(super) fn restarted(&mut self, service: &str, outcome: Outcome) {
        if let Err(reason) = outcome {
            self.volume.say(format!("{service} cannot be restarted: {reason}"));
            self.restarts.forget(service);
            let ids: Vec<String> = self.of(service).map(|container| container.id.clone()).collect();
            self.ours.retain(|id| !ids.contains(id));
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
                self.plan_anew();
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
