//! What every command that works on data begins with: nobody else at it, the agent's image, and nothing that an interrupted restore left.

use std::collections::BTreeSet;
use std::path::PathBuf;

use backup::{Repository, Request};

use crate::cli::up::build;
use crate::cli::{Context, images};
use crate::commands;
use crate::data::agent::{self, Access, Agent, SERVICE, sources};
use crate::data::store;
use crate::engine::containers::Container;
use crate::images::tag::Source;
use crate::lock::Lock;
use crate::model::{Data, Kind as SecretKind};
use crate::report::Failure;
use crate::secrets;
use crate::stack::{Resolved, Stack, has_data};

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
        let resolved = stack.resolve()?;
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
        agent.check_alone()?;
        // Its secrets are mounted whatever is asked; on a new machine there are none yet.
        self.check_key()?;
        self.make_secrets()?;
        if agent::image(&self.resolved.model).is_some_and(|image| !self.resolved.images.contains_key(image)) {
            match self.stack.source {
                Source::Pinned(_) => {
                    images::check_fetchable(&self.stack, &self.resolved)?;
                    images::fetch(self.context, &self.stack, &self.resolved)?;
                }
                _ => {
                    self.stack.check_buildable()?;
                    build(self.context, &self.resolved, &[SERVICE.to_owned()])?;
                }
            }
        }
        if interrupted(&self.stack) {
            self.start(&self.data)?;
            agent.ask(&Request::Recover { parts: sources(&self.data) }, Access::Write, &self.data)?;
        }
        Ok(agent)
    }

    /// Refuses to make another key for a repository that was made with one.
    fn check_key(&self) -> anyhow::Result<()> {
        let (project, directory) = (&self.stack.project, self.stack.environment.backup.repository.directory(&self.stack.project.root));
        let Some(repository) = self.repository() else { return Ok(()) };
        let secrets = secrets::of(project, &self.resolved.model);
        let Some(key) = secrets.iter().find(|secret| secret.note.kind == SecretKind::Passphrase && !secret.file.exists()) else {
            return Ok(());
        };
        let noted = store::list(&self.directory())?
            .iter()
            .any(|backup| backup.manifest.repository.as_ref().is_some_and(|snapshot| snapshot.address == repository.address));
        if !noted && !directory.is_some_and(|directory| directory.join("config").exists()) {
            return Ok(());
        }
        Err(Failure::new(format!("the secret `{}` is missing, and the repository {} was made with one", key.name, repository.address))
            .detail(format!("only the same key opens it: {}", key.shown(project)))
            .hint(format!(
                "`cargo xtask secrets rotate {}{} --yes <key` puts the copy that you kept into its place",
                key.name,
                project.flags()
            ))
            .into())
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

    /// Refuses to begin without the databases of `data`; where only commands are shown, none is needed.
    ///
    /// # Errors
    /// When one of them does not run.
    pub(in crate::cli) fn check_running(&self, data: &[Data]) -> anyhow::Result<()> {
        match self.missing(data, &self.resolved.containers).first().filter(|_| !self.context.dry_run()) {
            Some(service) => Err(Failure::new(format!("`{service}` does not run"))
                .hint(format!("`cargo xtask up{}` starts the stack", self.stack.project.flags()))
                .into()),
            None => Ok(()),
        }
    }

    /// The services that run the databases of `data`.
    pub(super) fn servers(&self, data: &[Data]) -> BTreeSet<String> {
        self.idle_agent().servers(data)
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
        self.idle_agent().servers(data).into_iter().filter(|service| !healthy(service)).collect()
    }
}

/// Whether a restore was interrupted, and waits to be finished or undone.
fn interrupted(stack: &Stack) -> bool {
    agent::directory(stack).join(".work/restore.json").exists()
}

/// Finishes or undoes a restore that was interrupted, before anything uses its data.
///
/// # Errors
/// When that cannot be done.
pub(in crate::cli) fn recover(context: &Context, stack: &Stack) -> anyhow::Result<()> {
    if context.dry_run() || !interrupted(stack) {
        return Ok(());
    }
    Session::begin(context, "recover")?.agent().map(drop)
}
