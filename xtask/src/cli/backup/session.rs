//! What every command that works on data begins with: nobody else at it, the agent's image, and nothing that an interrupted restore left.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use backup::{Phase, Repository, Request, Savepoint};

use crate::cli::up::build;
use crate::cli::{Context, images};
use crate::commands;
use crate::data::agent::{self, Access, Agent, SERVICE, sources};
use crate::data::{interrupted, store};
use crate::engine::containers::Container;
use crate::images::tag::Source;
use crate::lock::Lock;
use crate::model::Data;
use crate::report::Failure;
use crate::secrets;
use crate::stack::{Resolved, Stack, has_data};

/// How long somebody is waited for who is about to be done: a server that starts again, an agent that nobody hears.
const PATIENCE: Duration = Duration::from_secs(30);
/// What leaves data and containers of the stack as they are: the guard goes on meanwhile.
const READING: [&str; 5] = ["backup", "backup list", "backup prune", "backup verify", "migrate check"];
/// Between two looks at it.
const PAUSE: Duration = Duration::from_millis(250);

/// One command at the data of one stack.
pub(in crate::cli) struct Session<'a> {
    context: &'a Context,
    /// The stack, with the agent's service.
    pub(in crate::cli) stack: Stack,
    /// How it is and should be.
    pub(in crate::cli) resolved: Resolved,
    /// What there is to back up.
    pub(in crate::cli) data: Vec<Data>,
    doing: &'static str,
    lock: Option<Lock>,
}

impl<'a> Session<'a> {
    /// Begins; `doing` is what others are told.
    ///
    /// # Errors
    /// When somebody else is at it, a volume has no decision, or the agent cannot be had.
    pub(in crate::cli) fn begin(context: &'a Context, doing: &'static str) -> anyhow::Result<Self> {
        Self::at(context, agent::with_service(context.stack()?)?, doing)
    }

    /// Begins at `stack`, which has the agent's service.
    ///
    /// # Errors
    /// As for `begin`.
    pub(super) fn at(context: &'a Context, stack: Stack, doing: &'static str) -> anyhow::Result<Self> {
        let lock = if context.dry_run() { None } else { Some(Lock::take_now(&stack.project)?) };
        if let Some(lock) = &lock {
            lock.reads(READING.contains(&doing))?;
        }
        let resolved = stack.look()?;
        let data = resolved.model.data();
        if let Some(volume) = resolved.model.undecided().first() {
            return Err(Failure::new(format!(
                "nobody has decided about the volume `{volume}`: `x-backup` in infra/compose.yaml does not name it"
            ))
            .hint(format!("`{volume}: {{ kind: files }}` keeps its files, `{volume}: {{ kind: none }}` says that they can be made again"))
            .into());
        }
        Ok(Self { context, stack, resolved, data, doing, lock })
    }

    /// Gives up the right to change the stack, for commands that are run as children.
    pub(in crate::cli) fn let_others(&mut self) {
        self.lock = None;
    }

    /// Where backups are.
    pub(in crate::cli) fn directory(&self) -> PathBuf {
        agent::directory(&self.stack)
    }

    /// The repository that backups go into, if there is one.
    pub(in crate::cli) fn repository(&self) -> Option<Repository> {
        agent::repository(&self.stack)
    }

    /// The agent. Its image is made or fetched where it is not here, and what an interrupted restore left is finished or undone.
    ///
    /// # Errors
    /// When one of this cannot be done.
    pub(in crate::cli) fn agent(&self) -> anyhow::Result<Agent<'_>> {
        let agent = self.idle_agent().with_repository(&self.stack, self.context.dry_run())?;
        if self.context.dry_run() {
            return Ok(agent);
        }
        // Its secrets are mounted whatever is asked; on a new machine there are none yet.
        agent::check_key(&self.stack, &self.resolved.model)?;
        self.make_secrets()?;
        if agent::image(&self.resolved.model).is_some_and(|image| !self.resolved.images.contains_key(image)) {
            match self.stack.source {
                Source::Pinned(_) => {
                    images::check_fetchable(&self.stack, &self.resolved)?;
                    images::fetch(self.context, &self.stack, &self.resolved)?;
                }
                _ => {
                    agent.check_alone()?;
                    self.stack.check_buildable()?;
                    build(self.context, &self.resolved, &[SERVICE.to_owned()])?;
                }
            }
        }
        if interrupted::phase(&self.directory()).is_some() {
            self.recover(&agent)?;
        }
        Ok(agent)
    }

    /// Finishes or undoes what was interrupted.
    fn recover(&self, agent: &Agent<'_>) -> anyhow::Result<()> {
        if let Some(lock) = &self.lock {
            lock.reads(false)?;
        }
        self.start(&self.data)?;
        agent.ask(&Request::Recover { parts: sources(&self.data) }, Access::Write, &self.data)?;
        if let Some(lock) = &self.lock {
            lock.reads(READING.contains(&self.doing))?;
        }
        Ok(())
    }

    /// What else than `data` the save point `name` has: one that takes its place is of another moment, and has not.
    ///
    /// # Errors
    /// When the directory of backups cannot be read.
    pub(in crate::cli) fn others(&self, name: &str, data: &[Data]) -> anyhow::Result<Vec<Data>> {
        let mut others = self.saved(name, &store::savepoints(&self.directory())?);
        others.retain(|other| !data.contains(other));
        Ok(others)
    }

    /// What the one of `savepoints` that is called `name` has: one that a restore of single parts left has only those.
    pub(in crate::cli) fn saved(&self, name: &str, savepoints: &[Savepoint]) -> Vec<Data> {
        let parts: Vec<&String> =
            savepoints.iter().filter(|savepoint| savepoint.name == name).flat_map(|savepoint| &savepoint.parts).collect();
        self.data.iter().filter(|data| parts.contains(&&data.source.name)).cloned().collect()
    }

    /// Asks `agent` to replace `data`, with `others` in its reach. Where it ends while it puts things into place, another one finishes that.
    ///
    /// # Errors
    /// When it fails, or when interrupted: nothing was changed then, unless the message says so.
    pub(in crate::cli) fn replace(&self, agent: &Agent<'_>, request: &Request, data: &[Data], others: &[Data]) -> anyhow::Result<()> {
        match agent.ask(request, Access::Write, &[data, others].concat()) {
            Err(error) if interrupted::phase(&self.directory()) == Some(Phase::Commit) => {
                self.context.volume().say(format!("warning: {}", error.to_string().lines().next().unwrap_or_default()));
                // It may be that only nobody hears it any more.
                let begun = Instant::now();
                while begun.elapsed() < PATIENCE && agent.check_alone().is_err() {
                    std::thread::sleep(PAUSE);
                }
                if interrupted::phase(&self.directory()).is_some() { self.recover(agent) } else { Ok(()) }
            }
            answer => answer.map(drop),
        }
    }

    /// Makes the secrets that are missing.
    ///
    /// # Errors
    /// When the environment does not want them made.
    fn make_secrets(&self) -> anyhow::Result<()> {
        let (project, environment) = (&self.stack.project, &self.stack.environment);
        secrets::ensure(project, environment, &self.resolved.model, self.context.volume(), || has_data(project))
    }

    /// Starts the databases of `data` where they do not run: on a new machine there is nothing yet.
    ///
    /// # Errors
    /// When one of them does not start.
    pub(in crate::cli) fn start(&self, data: &[Data]) -> anyhow::Result<()> {
        let containers = self.stack.containers()?;
        let missing = self.missing(data, &containers);
        if missing.is_empty() {
            return Ok(());
        }
        self.context.volume().say(format!("starting {}", missing.iter().cloned().collect::<Vec<_>>().join(", ")));
        self.make_secrets()?;
        // Compose refuses what the engine is about to start again, in a while that gets longer each time.
        let pausing = containers.iter().filter(|container| missing.contains(container.service()) && container.state.status == "restarting");
        let pausing: Vec<String> = pausing.map(|container| container.id.clone()).collect();
        if !pausing.is_empty() {
            commands::engine::restart(&pausing).read()?;
        }
        self.bring_up(&missing)
    }

    /// Starts `services` alone, and waits until they are healthy.
    ///
    /// # Errors
    /// When one of them is not.
    pub(super) fn bring_up(&self, services: &BTreeSet<String>) -> anyhow::Result<()> {
        let services: Vec<String> = services.iter().cloned().collect();
        self.resolved.compose.up_only(&services).read().map(drop)
    }

    /// Refuses to begin without the databases of `data`; where only commands are shown, none is needed, and where a restore was interrupted they are
    /// started to finish it.
    ///
    /// # Errors
    /// When one of them does not run, and is not about to.
    pub(in crate::cli) fn check_running(&self, data: &[Data]) -> anyhow::Result<()> {
        if self.context.dry_run() || interrupted::phase(&self.directory()).is_some() {
            return Ok(());
        }
        let begun = Instant::now();
        let mut containers = None;
        loop {
            let known = containers.as_ref().unwrap_or(&self.resolved.containers);
            let missing = self.missing(data, known);
            let Some(service) = missing.first() else { return Ok(()) };
            // Somebody, or the engine, starts it again just now.
            let starts = |container: &Container| missing.contains(container.service()) && container.state.status == "restarting";
            if begun.elapsed() > PATIENCE || !known.iter().any(starts) {
                return Err(Failure::new(format!("`{service}` does not run"))
                    .hint(format!("`cargo xtask up{}` starts the stack", self.stack.project.flags()))
                    .into());
            }
            std::thread::sleep(PAUSE);
            containers = Some(self.stack.containers()?);
        }
    }

    /// The services that run the databases of `data`.
    pub(super) fn servers(&self, data: &[Data]) -> BTreeSet<String> {
        self.resolved.model.servers(data)
    }

    fn idle_agent(&self) -> Agent<'_> {
        Agent {
            resolved: &self.resolved,
            project: &self.stack.project,
            directory: self.directory(),
            doing: self.doing,
            volume: self.context.volume(),
            mounts: Vec::new(),
            file: None,
        }
    }

    /// The services of the databases of `data` that do not run among `containers`.
    fn missing(&self, data: &[Data], containers: &[Container]) -> BTreeSet<String> {
        let healthy = |service: &String| {
            containers
                .iter()
                .any(|container| container.service() == service && container.running() && container.health() != Some("unhealthy"))
        };
        self.resolved.model.servers(data).into_iter().filter(|service| !healthy(service)).collect()
    }
}

/// Finishes or undoes a restore that was interrupted, before anything uses its data.
///
/// # Errors
/// When that cannot be done.
pub(in crate::cli) fn recover(context: &Context, stack: &Stack) -> anyhow::Result<()> {
    if context.dry_run() || interrupted::phase(&agent::directory(stack)).is_none() {
        return Ok(());
    }
    Session::begin(context, "recover")?.agent().map(drop)
}
