//! Files that need no compiler: services that take what is mounted, and Compose's own rules.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::change::slashed;
use super::connect::plain;
use super::deeds::{self, Outcome};
use super::message::Message;
use super::proof::{self, Verdict};
use super::protocol::{Phase, Problem, ToHub};
use super::run::Loop;
use super::sync::{self, Edit, Placed};
use super::tell;
use crate::commands;
use crate::health;
use crate::logs::Stamp;
use crate::model::{Action, Reload};

/// So many of the last lines are shown of a program that does not start.
const LAST_LINES: usize = 20;

/// A service that is asked about new files.
#[derive(Debug, Default)]
pub(super) struct Reloads {
    /// What the files held that it runs with.
    in_use: Option<u64>,
    /// Whether it is being asked.
    running: bool,
    /// What changed meanwhile, or while no container of it ran.
    waiting: Option<Vec<String>>,
    /// When it was last asked and had no objection: what its log said before is about other files.
    good: Option<Stamp>,
}

/// How that ended.
pub(super) struct Reloaded {
    names: Vec<String>,
    content: u64,
    asked: Stamp,
    outcome: Outcome,
}

/// A service that was started with new files, and is not known to be up.
pub(super) struct Proof {
    pub(super) names: Vec<String>,
    pub(super) since: Instant,
}

impl Loop<'_, '_> {
    /// Asks a service whether its mounted files are good, of which `names` changed, and lets it take them; nothing is told of it where there are none.
    pub(super) fn reload(&mut self, service: &str, names: &[String]) {
        let Some(how) = self.reload_of(service) else { return };
        let ready = |status: &str, health: Option<&str>| status == "running" && health != Some("starting");
        let containers: Vec<String> = self
            .of(service)
            .filter(|container| ready(&container.state.status, container.health()))
            .map(|container| container.id.clone())
            .collect();
        let reloads = self.reloads.entry(service.to_owned()).or_default();
        if reloads.running || containers.is_empty() {
            let waits = !reloads.running && !names.is_empty();
            reloads.waiting.get_or_insert_default().extend_from_slice(names);
            if waits {
                self.waits(service, names.to_vec(), "it is not up");
            }
            return;
        }
        reloads.running = true;
        let mut names = names.to_vec();
        names.extend(reloads.waiting.take().unwrap_or_default());
        let (send, service, in_use) = (self.send.clone(), service.to_owned(), reloads.in_use);
        let paths: Vec<PathBuf> = self.planner.mounted(&service).iter().map(|path| self.stack.project.root.join(path)).collect();
        self.scope.spawn(move || {
            let (asked, content) = (Stamp::now(), deeds::fingerprint(&paths));
            // What was refused and is as before needs nothing: each reload costs clients their idle connections.
            let outcome = if in_use == Some(content) { Ok(()) } else { deeds::reload(&containers, &how) };
            drop(send.send(Message::Reloaded(service, Reloaded { names, content, asked, outcome })));
        });
    }

    fn reload_of(&self, service: &str) -> Option<Reload> {
        self.resolved.model.develop.as_ref()?.reload.get(service).cloned()
    }

    pub(super) fn reloaded(&mut self, service: &str, Reloaded { names, content, asked, outcome }: Reloaded) {
        let key = format!("reload:{service}");
        let told = self.reload_of(service).is_some_and(|how| how.apply.is_some());
        let reloads = self.reloads.entry(service.to_owned()).or_default();
        reloads.running = false;
        let (new, waiting) = (reloads.in_use != Some(content), reloads.waiting.take());
        let good = outcome.is_ok();
        match outcome {
            Ok(()) => {
                reloads.in_use = Some(content);
                reloads.good = Some(asked);
                self.tell.solved(&key);
                // What its log said of the files before.
                self.tell.solved(&format!("page:{service}:"));
            }
            Err(text) => {
                let place = self.place_in(service, &text);
                let title = match &place {
                    _ if told => "refuses its new files: it goes on with the ones before".to_owned(),
                    Some((file, line, _)) => format!("cannot use {file}:{line}"),
                    None => "cannot use its new files".to_owned(),
                };
                let problem = Problem { title, text, ..plain(&key, if told { "proxy" } else { "template" }, service) };
                self.tell.problem(tell::placed(problem, place, &self.stack.project.root.display().to_string()));
            }
        }
        if !names.is_empty() {
            let end = (!good && !told).then(|| "is not live".to_owned());
            self.took(service, names, good, end);
        }
        // Browsers were told already where nothing has to be taken.
        if told && good && new {
            self.tell.hub(&ToHub::Refresh { kind: "page", paths: Vec::new() });
        }
        if let Some(names) = waiting {
            self.reload(service, &names);
        }
    }

    /// The place in a file of the checkout that a service names in `text`, as it sees the file.
    pub(super) fn place_in(&self, service: &str, text: &str) -> Option<tell::Place> {
        let seen = tell::places(text);
        seen.into_iter().find_map(|(path, line, column)| Some((slashed(&self.planner.at_home(service, Path::new(&path))?), line, column)))
    }

    /// Tells of a change that needed no compiler.
    fn took(&mut self, service: &str, names: Vec<String>, good: bool, end: Option<String>) {
        let mut change = self.new_change(names, 0, if good { Phase::Done } else { Phase::Failed });
        change.what = vec![service.to_owned()];
        change.end = end;
        self.tell.change(&change);
    }

    fn waits(&mut self, service: &str, names: Vec<String>, why: &str) {
        self.took(service, names, true, Some(format!("waits for {service}: {why}")));
    }

    /// Does what Compose's own rules say; for one service one after the other.
    pub(super) fn follow_rules(&mut self, rules: BTreeSet<(String, Edit)>) {
        let mut files: BTreeMap<String, BTreeSet<Edit>> = BTreeMap::new();
        for (service, edit) in rules {
            if edit.action == Action::Rebuild {
                self.configure.get_or_insert_default().insert(service);
            } else {
                files.entry(service).or_default().insert(edit);
            }
        }
        for (service, files) in files {
            match self.ruling.get_mut(&service) {
                Some(waiting) => waiting.extend(files),
                None => self.rule(service, files),
            }
        }
    }

    fn rule(&mut self, service: String, mut files: BTreeSet<Edit>) {
        let containers: Vec<String> = self.of(&service).map(|container| container.id.clone()).collect();
        if containers.is_empty() {
            // It was just made, or is not there yet: the files wait for it.
            self.hold(service, files, "it has no container");
            return self.look();
        }
        files.extend(self.unplaced.remove(&service).unwrap_or_default());
        self.ruling.insert(service.clone(), BTreeSet::new());
        if let (true, Some(first)) = (files.iter().any(Edit::restarts), files.first()) {
            self.restarts.expect(&service, &slashed(&first.path));
            self.ours.extend(containers.iter().cloned());
        }
        let stopped = self.leavers.is_stopped(&service) || health::stopped(&self.containers, &service);
        let (send, root) = (self.send.clone(), self.stack.project.root.clone());
        self.scope.spawn(move || {
            let edits: Vec<Edit> = files.iter().cloned().collect();
            let placed = containers.into_iter().map(|id| (sync::bring(&root, &id, &edits, stopped), id)).collect();
            drop(send.send(Message::Ruled(service, files, placed)));
        });
    }

    /// Keeps files of a service that takes none now, and says so once.
    fn hold(&mut self, service: String, files: BTreeSet<Edit>, why: &str) {
        let held = self.unplaced.entry(service.clone()).or_default();
        let news: Vec<String> = files.iter().filter(|edit| !held.contains(*edit)).map(|edit| slashed(&edit.path)).collect();
        held.extend(files);
        if !news.is_empty() {
            self.waits(&service, news, why);
        }
    }

    /// Brings what waited for a container to those that there are now.
    pub(super) fn place(&mut self) {
        let takes = |service: &String| self.of(service).any(|container| !matches!(container.state.status.as_str(), "paused" | "removing"));
        let services: Vec<String> =
            self.unplaced.keys().filter(|service| takes(service) && !self.ruling.contains_key(*service)).cloned().collect();
        for service in services {
            if let Some(files) = self.unplaced.remove(&service) {
                self.rule(service, files);
            }
        }
        let waiting = self.reloads.iter().filter(|(_, reloads)| !reloads.running && reloads.waiting.is_some());
        let up = |service: &String| self.of(service).any(|container| container.running() && container.health() != Some("starting"));
        let waiting: Vec<String> = waiting.map(|(service, _)| service.clone()).filter(up).collect();
        waiting.iter().for_each(|service| self.reload(service, &[]));
    }

    pub(super) fn ruled(&mut self, service: String, files: BTreeSet<Edit>, placed: Vec<(Result<Placed, String>, String)>) {
        let key = format!("rule:{service}");
        let names: Vec<String> = files.iter().map(|edit| slashed(&edit.path)).collect();
        for (placed, id) in &placed {
            if *placed != Ok(Placed::Restarted) {
                self.ours.remove(id);
                self.restarts.forget(&service);
            }
        }
        let outcomes: Vec<&Result<Placed, String>> = placed.iter().map(|(placed, _)| placed).collect();
        let waits = outcomes.iter().find_map(|placed| if let Ok(Placed::Waits(why)) = placed { Some(*why) } else { None });
        if let Some(reason) = outcomes.iter().find_map(|placed| placed.as_ref().err()) {
            let flags = self.stack.project.flags();
            let text = format!(
                "{reason}\nhint: `cargo xtask rebuild {service}{flags}` makes its container from the files as they are, where its image has them"
            );
            let title = "an edit did not get into its container".to_owned();
            self.tell.problem(Problem { title, text, ..plain(&key, "service", &service) });
            self.took(&service, names, false, Some("is not live".to_owned()));
        } else if let Some(why) = waits {
            self.hold(service.clone(), files, why);
        } else if outcomes.contains(&&Ok(Placed::Restarted)) || self.tell.open(&key) || self.tell.open(&format!("ended:{service}")) {
            // Whether it is up with them is to be seen.
            let mut proof = Proof { names, since: Instant::now() };
            if let Some(before) = self.proofs.remove(&service) {
                proof.names.extend(before.names);
                proof.names.sort();
                proof.names.dedup();
            }
            self.proofs.insert(service.clone(), proof);
            self.look();
        } else if outcomes.contains(&&Ok(Placed::Stopped)) {
            let flags = self.stack.project.flags();
            let end = format!("is in the container of {service}, which does not run: `cargo xtask restart {service}{flags}` starts it");
            self.took(&service, names, true, Some(end));
        } else {
            self.tell.solved(&key);
            self.took(&service, names, true, None);
            self.tell.hub(&ToHub::Refresh { kind: "page", paths: Vec::new() });
        }
        match self.ruling.remove(&service) {
            Some(waiting) if !waiting.is_empty() => self.rule(service, waiting),
            _ => {}
        }
    }

    /// Watches for `service` to be up after it ended by itself.
    pub(super) fn prove(&mut self, service: &str) {
        self.proofs.entry(service.to_owned()).or_insert_with(|| Proof { names: Vec::new(), since: Instant::now() });
    }

    /// Judges services that were started, by what the engine says of their containers now.
    pub(super) fn judge(&mut self) {
        let judged = |(service, proof): (&String, &Proof)| (service.clone(), proof::judge(self.of(service), proof.since.elapsed()));
        let judged: Vec<(String, Verdict)> = self.proofs.iter().map(judged).collect();
        for (service, verdict) in judged.into_iter().filter(|(_, verdict)| *verdict != Verdict::Open) {
            let Some(Proof { names, .. }) = self.proofs.remove(&service) else { continue };
            match verdict {
                Verdict::Up => {
                    self.tell.solved(&format!("ended:{service}"));
                    self.tell.solved(&format!("rule:{service}"));
                    if !names.is_empty() {
                        self.took(&service, names, true, None);
                        self.tell.hub(&ToHub::Refresh { kind: "page", paths: Vec::new() });
                    }
                }
                Verdict::Down { container, reason } if !names.is_empty() => {
                    let send = self.send.clone();
                    self.scope.spawn(move || {
                        let tail = commands::engine::tail(&container, LAST_LINES).capture();
                        let said = tail.map(|tail| format!("{}{}", tail.stdout, tail.stderr)).unwrap_or_default();
                        drop(send.send(Message::Down(service, names, reason, said)));
                    });
                }
                _ => {}
            }
        }
    }

    /// A service is not up with the files `names`.
    pub(super) fn down(&mut self, service: &str, names: Vec<String>, reason: &str, said: &str) {
        let flags = self.stack.project.flags();
        let hint = format!(
            "hint: fix the file and save it: it is copied and the service is started again; `cargo xtask rebuild {service}{flags}` recreates its container"
        );
        let title = format!("is not up with its new files: {reason}");
        let text = [said.trim(), &hint].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n");
        let problem = Problem { title, text, ..plain(&format!("rule:{service}"), "service", service) };
        self.tell.problem(tell::placed(problem, self.place_in(service, said), &self.stack.project.root.display().to_string()));
        self.took(service, names, false, Some(format!("is not live: {service} does not run")));
    }

    /// A service says in its log that a file which it has mounted cannot be used. Over with the next files that it takes.
    pub(super) fn page_failed(&mut self, service: &str, at: &Stamp, line: &str) {
        let asked = self.reload_of(service).is_some_and(|how| how.apply.is_none());
        let old = self.reloads.get(service).and_then(|reloads| reloads.good.as_ref()).is_some_and(|good| at < good);
        let Some(place) = (asked && !old).then(|| self.place_in(service, line)).flatten() else { return };
        let key = format!("page:{service}:{}", place.0);
        if self.tell.open(&key) || self.tell.open(&format!("reload:{service}")) {
            return;
        }
        let text = message_of(line);
        let title = format!("cannot use {}:{}", place.0, place.1);
        let problem = Problem { title, text, ..plain(&key, "template", service) };
        self.tell.problem(tell::placed(problem, Some(place), &self.stack.project.root.display().to_string()));
    }
}

/// What a line of a log says: its message, where it is JSON.
fn message_of(line: &str) -> String {
    let message = serde_json::from_str::<serde_json::Value>(line).ok().and_then(|line| Some(line.get("message")?.as_str()?.to_owned()));
    message.unwrap_or_else(|| line.to_owned())
}
