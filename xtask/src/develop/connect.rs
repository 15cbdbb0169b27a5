//! Conversations with the builder's agent, the reloaders and the hub: begun when a container runs, begun anew when it was restarted.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde::Serialize;

use super::crates::Crates;
use super::cycle::{Ended, Next};
use super::diagnostic::Diagnostic;
use super::message::{Message, sender};
use super::patterns::Excludes;
use super::plan::Planner;
use super::protocol::{Asked, Exited, FromAgent, FromHub, FromReloader, Problem, ToReloader};
use super::run::Loop;
use super::tell;
use crate::commands;
use crate::engine::containers::Container;
use crate::interrupt;
use crate::logs::Stamp;
use crate::process::{Conversation, Invocation};
use crate::stack::{Resolved, Stack};

/// What is built when nobody watched before.
pub(super) const ALL: &str = "all sources";

/// So many of cargo's last lines are kept, for errors that are no message of the compiler.
const TALK: usize = 30;

/// What each file of the checkout means for `stack`.
///
/// # Errors
/// When cargo does not know the workspace.
pub(super) fn planner(stack: &Stack, resolved: &Resolved) -> anyhow::Result<Planner> {
    let cargo = Invocation::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
    let metadata = cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).dir(&stack.project.root);
    let crates = Crates::parse(&metadata.read()?)?;
    let mut settings: BTreeSet<PathBuf> = stack.environment.files().iter().map(|file| PathBuf::from("infra").join(file)).collect();
    settings.extend(stack.settings.iter().cloned());
    settings.extend(super::settings::named_in(&stack.project.root, &settings));
    let root = &stack.project.root;
    let contexts = resolved.model.services.iter().filter_map(|(name, service)| Some((name, &service.build.as_ref()?.context)));
    let excludes = contexts.filter_map(|(name, context)| {
        let text = std::fs::read_to_string(context.join(".dockerignore")).ok()?;
        Some((name.clone(), Excludes::parse(context.strip_prefix(root).ok()?, &text)))
    });
    Ok(Planner::new(root, &resolved.model, crates, settings, &excludes.collect()))
}

/// Sends `message` as a line.
pub(super) fn tell(conversation: &Conversation, message: &impl Serialize) {
    if let Ok(line) = serde_json::to_string(message) {
        conversation.send(&line);
    }
}

impl Loop<'_, '_> {
    /// Hears of a request to stop, from here on.
    pub(super) fn listen(&self) {
        let send = self.send.clone();
        interrupt::listen(move || drop(send.send(Message::Interrupted)));
    }

    /// Ends all conversations.
    pub(super) fn hang_up(&mut self) {
        self.tell.connect(None);
        let reloaders = std::mem::take(&mut self.reloaders).into_values().map(|(_, conversation)| conversation);
        let agent = self.agent.take().map(|(_, conversation)| conversation);
        reloaders.chain(agent).for_each(|conversation| conversation.close());
    }

    /// Begins the conversation that a service is good for, with the container `id` that runs now.
    pub(super) fn connect(&mut self, service: &str, id: &str) {
        let Some(develop) = self.resolved.model.develop.clone() else { return };
        let control = |socket: &str| commands::engine::talk_to(id, &["/srv/bin/reloader", "control", socket]);
        if service == develop.builder {
            self.conversations += 1;
            let number = self.conversations;
            let agent = self.begun(&control("/tmp/agent.sock"), sender(&self.send, move |line| Message::Agent(number, line)));
            let old = std::mem::replace(&mut self.agent, agent.map(|agent| (number, agent)));
            if let Some((_, old)) = old {
                old.close();
                self.without_agent();
            }
        }
        if develop.programs.contains_key(service) && !self.resolved.model.one_shot(service) {
            self.conversations += 1;
            let (name, number) = (service.to_owned(), self.conversations);
            let hear = sender(&self.send, move |line| Message::Reloader(name.clone(), number, line));
            let conversation = self.begun(&control("/tmp/reloader.sock"), hear);
            // It says so by itself as well; what comes before the engine listens can be lost.
            conversation.iter().for_each(|conversation| tell(conversation, &ToReloader::Status {}));
            if let Some(conversation) = conversation
                && let Some((_, old)) = self.reloaders.insert(service.to_owned(), (number, conversation))
            {
                old.close();
            }
        }
        if service == develop.hub {
            let hub = self.begun(&commands::engine::talk_to(id, &["hub", "feed"]), sender(&self.send, Message::Hub));
            self.tell.connect(hub);
        }
    }

    fn begun(&self, invocation: &Invocation, hear: impl Fn(Option<String>) + Send + 'static) -> Option<Conversation> {
        self.volume.detail(format!("running {invocation}"));
        invocation.converse(hear).map_err(|error| self.volume.say(format!("{error:#}"))).ok()
    }

    /// What was asked of an agent that is gone is never answered.
    fn without_agent(&mut self) {
        self.promoting = 0;
        self.migration = None;
        let next = self.cycle.abandoned();
        if next.outcome.is_some() {
            self.without_builder();
        }
        self.follow(next);
    }

    pub(super) fn without_builder(&mut self) {
        let title = "the builder is away: nothing can be built".to_owned();
        let text = format!("`cargo xtask up{}` starts it again", self.stack.project.flags());
        self.tell.problem(Problem { title, text, ..plain("compile:builder", "service", "builder") });
    }

    pub(super) fn agent_said(&mut self, number: u64, line: Option<&str>) {
        if self.agent.as_ref().is_none_or(|(newest, _)| *newest != number) {
            return;
        }
        let Some(line) = line else {
            self.agent = None;
            self.without_agent();
            return;
        };
        let Ok(said) = serde_json::from_str::<FromAgent>(line) else { return };
        if let Some(hello) = said.hello {
            self.cycle.promoted(hello.programs);
            self.tell.solved("compile:builder");
            // What was edited while no loop ran; later only what could not be built.
            let plan = if std::mem::replace(&mut self.built_once, true) { self.cycle.unfinished() } else { self.planner.everything() };
            if !plan.is_empty() {
                self.bring(plan, vec![ALL.to_owned()], 0);
            }
        }
        if let Some(diagnostic) = said.cargo.as_ref().and_then(Diagnostic::read) {
            self.diagnosed(&diagnostic);
        }
        if let Some(talk) = said.talk {
            self.volume.detail(&talk);
            self.talk.push(talk);
            let surplus = self.talk.len().saturating_sub(TALK);
            self.talk.drain(..surplus);
        }
        let refused = said.error.map(|refused| self.volume.say(format!("the builder refuses: {}", refused.reason)));
        if said.promoted.is_some() || refused.is_some() {
            self.promoting = self.promoting.saturating_sub(1);
            self.migrate_when_promoted();
        }
        let (Some(id), Some(done)) = (said.id, said.done) else { return };
        if done.cancelled {
            return;
        }
        if !self.cycle.builds(id) {
            return;
        }
        let builds = done.ok.then(|| done.programs.into_iter().map(|program| (program.program, program.path)).collect());
        if done.ok || !self.errors.is_empty() {
            // Only what this build says counts: what it did not get to is said again by the next one.
            let errors = std::mem::take(&mut self.errors);
            self.tell.solved_but("compile:", &errors.iter().map(|package| format!("compile:{package}")).collect());
        } else {
            // Nothing that the compiler says: a manifest that cannot be read, a dependency that is nowhere.
            let text = std::mem::take(&mut self.talk).join("\n");
            let title = "cargo cannot build this".to_owned();
            self.tell.problem(Problem { title, text, ..plain("compile:cargo", "compile", "cargo") });
        }
        self.talk.clear();
        self.built(id, done.cargo_ms, Ended::Built(builds));
    }

    fn diagnosed(&mut self, diagnostic: &Diagnostic) {
        if !diagnostic.error {
            self.volume.detail(diagnostic.text.trim_end());
        } else if self.errors.insert(diagnostic.package.clone()) {
            self.tell.problem(tell::problem(diagnostic, &self.stack.project.root.display().to_string()));
        } else {
            self.volume.say(diagnostic.text.trim_end());
        }
    }

    pub(super) fn reloader_said(&mut self, service: &str, number: u64, line: Option<&str>) {
        if self.reloaders.get(service).is_none_or(|(newest, _)| *newest != number) {
            return;
        }
        let Some(line) = line else {
            self.reloaders.remove(service);
            let next = self.cycle.lost(service);
            self.follow(next);
            return;
        };
        self.volume.detail(format!("{service} says {line}"));
        let Ok(said) = serde_json::from_str::<FromReloader>(line) else { return };
        if let Some(hello) = said.hello
            && let Some(package) = self.resolved.model.develop.as_ref().and_then(|develop| develop.programs.get(service)).cloned()
        {
            let fell_back = hello.path.as_ref().filter(|_| self.fallen.remove(service));
            let orders = fell_back.map(|path| self.cycle.fell_back(service, path)).unwrap_or_default();
            self.cycle.connected(service, &package, hello.path);
            self.follow(Next { orders, outcome: None });
        }
        if let Some(exited) = said.exited {
            self.exited(service, &exited);
        }
        let Some(id) = said.id else { return };
        if said.ready.is_some() {
            self.tell.solved(&format!("start:{service}"));
            self.healer.forget(service);
            let cause = self.current.as_ref().and_then(|current| current.change.paths.first().cloned());
            self.restarts.add(service, Stamp::now().to_string(), &cause.unwrap_or_else(|| "an older build again".to_owned()));
            self.ended(id, Ended::Swapped(service.to_owned(), true));
        }
        if let Some(failed) = said.failed {
            let text = failed.output.join("\n");
            let title = format!("the new program does not start: {}", failed.reason);
            let problem = tell::ended(service, title, text, &failed.output, &self.stack.project.root.display().to_string());
            self.tell.problem(problem);
            self.ended(id, Ended::Swapped(service.to_owned(), false));
        }
    }

    fn exited(&mut self, service: &str, exited: &Exited) {
        let how = exited.code.map_or_else(|| "was killed".to_owned(), |code| format!("ended with exit code {code}"));
        self.restarts.add(service, Stamp::now().to_string(), &how);
        self.paint();
        let next = match exited.next.as_str() {
            "rollback" => "the build before it serves again",
            "gave_up" => "it ended too often: it is started again with the next edit",
            _ => "it is started again",
        };
        if exited.next == "rollback"
            && let Some((_, reloader)) = self.reloaders.get(service)
        {
            // It says which build that is, and the others follow.
            self.fallen.insert(service.to_owned());
            tell(reloader, &ToReloader::Status {});
        }
        if exited.next == "restart" {
            self.volume.say(format!("{service} {how}: {next}"));
            return;
        }
        let (title, text) = (format!("the program {how}: {next}"), exited.output.join("\n"));
        let problem = tell::ended(service, title, text, &exited.output, &self.stack.project.root.display().to_string());
        self.tell.problem(problem);
    }

    pub(super) fn hub_said(&mut self, line: Option<&str>) {
        let asked = line.and_then(|line| serde_json::from_str::<FromHub>(line).ok()).and_then(|said| said.action);
        if let Some(asked) = asked {
            self.asked(&asked);
        }
    }

    fn asked(&mut self, asked: &Asked) {
        let containers: Vec<String> =
            asked.service.iter().flat_map(|service| self.of(service)).map(|container| container.id.clone()).collect();
        let migrations = self.resolved.model.migrations.as_ref().map(|migrations| migrations.service.clone());
        let invocation = match asked.name.as_str() {
            "restart" if containers.is_empty() => Err("there is no such service".to_owned()),
            "restart" => Ok(commands::engine::restart(&containers)),
            "migrate" => match migrations.and_then(|service| self.container(&service)) {
                Some(id) => Ok(commands::engine::start_to_end(&id)),
                None => Err("no service of this stack migrates".to_owned()),
            },
            other => Err(format!("`{other}` is unknown")),
        };
        if let ("restart", Some(service), Ok(_)) = (asked.name.as_str(), &asked.service, &invocation) {
            self.restarts.expect(service, "somebody asked for it");
            self.ours.extend(containers);
        }
        let (send, id) = (self.send.clone(), asked.id);
        self.scope
            .spawn(move || drop(send.send(Message::Answered(id, invocation.and_then(|invocation| super::deeds::perform(&invocation))))));
    }

    /// The id of the container of `service`.
    pub(super) fn container(&self, service: &str) -> Option<String> {
        self.of(service).next().map(|container| container.id.clone())
    }

    /// The containers of `service`.
    pub(super) fn of(&self, service: &str) -> impl Iterator<Item = &Container> {
        self.containers.iter().filter(move |container| container.service() == service)
    }

    /// Reads again what each file means.
    pub(super) fn plan_anew(&mut self) {
        if let Ok(planner) = planner(&self.stack, &self.resolved) {
            self.planner = planner;
            self.watcher.want(self.planner.wanted());
        }
    }
}

/// A problem that is about a service and no place in a file.
pub(super) fn plain(key: &str, kind: &'static str, service: &str) -> Problem {
    Problem {
        key: key.to_owned(),
        kind,
        service: service.to_owned(),
        title: String::new(),
        text: String::new(),
        file: None,
        line: None,
        column: None,
        editor: None,
    }
}
