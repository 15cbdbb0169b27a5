//! The backup agent: a container of the service `backup` that is asked one thing, with the volumes that it needs for that.

mod place;
mod progress;
mod sources;

use std::path::{Path, PathBuf};
use std::sync::mpsc;

use backup::{Event, Kind, Phase, Request, Source};

pub(crate) use self::place::{check_key, directory, prepare, repository};
use self::place::{check_place, mountable};
use self::progress::Line;
use self::sources::digest;
use crate::commands;
use crate::data::interrupted;
use crate::engine::containers;
use crate::images::tag;
use crate::interrupt;
use crate::model::{Data, Model};
use crate::process::last_lines;
use crate::project::Project;
use crate::report::{Failure, Interrupted, Volume, with_flags};
use crate::stack::{Resolved, Stack};
use crate::statusline;

/// The service that the agent is.
pub(crate) const SERVICE: &str = "backup";

/// What the agent may do to volumes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nothing: it has none.
    None,
    /// Read files.
    Read,
    /// Replace what is in them.
    Write,
}

/// The stack with the agent's service, which is on in no environment.
pub(crate) fn with_service(mut stack: Stack) -> anyhow::Result<Stack> {
    let directory = directory(&stack);
    stack.compose = stack.compose.with_profiles(&[SERVICE.to_owned()]).with("BACKUP_DIR", directory.display().to_string());
    if let tag::Source::Instance(_) = stack.source {
        // The same for all instances, and another one as soon as its sources or bases are others: `pg_dump` must not be older than the server.
        stack.compose = match digest(&stack.project)? {
            Some(tag) => stack.compose.with("BACKUP_TAG", tag),
            None => stack.compose,
        };
    }
    Ok(stack)
}

/// The agent's image.
pub(crate) fn image(model: &Model) -> Option<&str> {
    model.services.get(SERVICE)?.image.as_deref()
}

/// The agent of one stack.
pub(crate) struct Agent<'a> {
    /// The stack, with the agent's service.
    pub(crate) resolved: &'a Resolved,
    /// Whose it is.
    pub(crate) project: &'a Project,
    /// Where backups are.
    pub(crate) directory: PathBuf,
    /// What is done, for others who ask.
    pub(crate) doing: &'static str,
    /// How much is said.
    pub(crate) volume: Volume,
    /// More mounts, as the engine takes them.
    pub(crate) mounts: Vec<String>,
    /// The file of the host that it has in its reach.
    pub(crate) file: Option<PathBuf>,
}

impl Agent<'_> {
    /// How it calls a file that is mounted beside its backups.
    pub(crate) const FILE: &'static str = "/archive/backup.tar.zst";
    const FILE_NAME: &'static str = "backup.tar.zst";

    /// With the file `path` of the host in its reach.
    ///
    /// # Errors
    /// When the engine cannot be told this path.
    pub(crate) fn with_file(mut self, path: &Path) -> anyhow::Result<Self> {
        self.mounts.push(format!("{}:{}:ro", mountable(path)?, Self::FILE));
        self.file = Some(path.to_owned());
        Ok(self)
    }

    /// With the repository of its stack in its reach, if that is a directory: it is made where it is not there.
    ///
    /// # Errors
    /// When it cannot be made, or the engine cannot be told its path.
    pub(crate) fn with_repository(mut self, stack: &Stack, dry_run: bool) -> anyhow::Result<Self> {
        if let Some(directory) = stack.environment.backup.repository.directory(&stack.project.root) {
            check_place(&directory, &stack.environment.backup.directory.at(&stack.project.root))?;
            if !dry_run && !directory.is_dir() {
                prepare(&directory)?;
            }
            let directory = directory.canonicalize().unwrap_or(directory);
            self.mounts.push(format!("{}:/repository", mountable(&directory)?));
        }
        Ok(self)
    }

    fn name(&self) -> String {
        format!("{}-{SERVICE}", self.project.compose_name())
    }

    /// Refuses to begin beside another one, and removes what one that was killed left.
    ///
    /// # Errors
    /// When another one is at work.
    pub(crate) fn check_alone(&self) -> anyhow::Result<()> {
        let found = commands::engine::doing(&self.name()).capture()?;
        if found.code != 0 {
            return Ok(());
        }
        let mut words = found.stdout.split_whitespace();
        let (running, since, doing) = (words.next(), words.next().unwrap_or_default(), words.next().unwrap_or("something"));
        if running == Some("true") {
            let since = since.split('.').next().unwrap_or(since);
            return Err(Failure::new(format!(
                "another command is at the data of {}: `{doing}`, since {since} UTC",
                self.project.compose_name()
            ))
            .hint("wait for its end and try again")
            .into());
        }
        commands::engine::remove(&[self.name()]).read().map(drop)
    }

    /// The command that starts it.
    pub(crate) fn command(&self, access: Access, data: &[Data]) -> crate::process::Invocation {
        let mount = |data: &&Data| {
            let mode = match (access, data.source.kind) {
                (Access::None, _) | (Access::Read, Kind::Postgres | Kind::Redis) => return None,
                // Nobody but the server writes there. How much room there is can be seen.
                (Access::Read, Kind::Files) | (Access::Write, Kind::Postgres) => ":ro",
                (Access::Write, Kind::Redis | Kind::Files) => "",
            };
            Some(format!("{}:/set/volumes/{}{mode}", data.volume, data.source.name))
        };
        let volumes: Vec<String> = data.iter().filter_map(|data| mount(&data)).chain(self.mounts.iter().cloned()).collect();
        self.resolved.compose.talk(SERVICE, &self.name(), self.doing, &volumes)
    }

    /// Asks it, says what it says, and returns its last word.
    ///
    /// # Errors
    /// When it fails, or when interrupted: it has then undone what it began.
    pub(crate) fn ask(&self, request: &Request, access: Access, data: &[Data]) -> anyhow::Result<Event> {
        self.check_alone()?;
        prepare(&self.directory)?;
        let (send, receive) = mpsc::channel();
        let conversation = self.command(access, data).apart().converse(move |line| drop(send.send(line)))?;
        conversation.send(&serde_json::to_string(request)?);
        interrupt::listen({
            let conversation = conversation.clone();
            // It ends what it began, or undoes it, and says so.
            move || conversation.hang_up()
        });
        let mut last = None;
        let mut line = Line::default();
        while let Ok(Some(text)) = receive.recv() {
            match serde_json::from_str(&text) {
                Ok(Event::Step { text }) => line.step(self.volume, &text),
                Ok(Event::Progress { part, bytes, total }) => line.progress(self.volume, &part, bytes, total),
                Ok(Event::Restart { part }) => self.restart(data, &part),
                Ok(Event::Warning { text }) => self.volume.say(format!("warning: {text}")),
                Ok(event) => last = Some(event),
                Err(_) => self.volume.detail(text),
            }
        }
        statusline::shared().clear();
        interrupt::listen(|| {});
        match last {
            Some(Event::Failed { .. }) if interrupt::requested() => Err(Interrupted.into()),
            Some(Event::Failed { message, details, hints }) => {
                // Nor what people call the file that is mounted.
                let file = self.file.as_ref().map_or_else(|| Self::FILE_NAME.to_owned(), |file| file.display().to_string());
                let message = message.replace(&format!("`{}`", Self::FILE_NAME), &format!("`{file}`"));
                let failure = details.into_iter().fold(Failure::new(message), Failure::detail);
                // The agent does not know which stack it is at work for.
                let flags = self.project.flags();
                // What others it has here is of no use to whoever brought a file along.
                let fits = |hint: &String| self.file.is_none() || !hint.starts_with("`cargo xtask backup ");
                let mut hints: Vec<String> = hints.iter().filter(|hint| fits(hint)).map(|hint| with_flags(hint, &flags)).collect();
                if hints.is_empty() && self.file.is_some() {
                    hints.push("get the file again from where it came, or use another one".to_owned());
                }
                Err(hints.into_iter().fold(failure, Failure::hint).into())
            }
            Some(event) => Ok(event),
            None => {
                let said = conversation.said();
                let failure = Failure::new(format!("the backup agent of {} ended in the middle of its work", self.project.compose_name()));
                let failure = last_lines(&said, 8).into_iter().fold(failure, Failure::detail);
                // Only the journal of a restore tells for sure.
                let failure = match interrupted::phase(&self.directory) {
                    Some(Phase::Staging) => failure.detail("nothing was changed"),
                    Some(Phase::Commit) | None => failure,
                };
                Err(failure.hint("run the same command again: it finishes or undoes what was begun").into())
            }
        }
    }

    /// Starts the server of `part` again.
    fn restart(&self, data: &[Data], part: &str) {
        let of: Vec<Data> = data.iter().filter(|data| data.source.name == part).cloned().collect();
        let servers = self.resolved.model.servers(&of);
        let restarted = containers::list(&self.project.compose_name()).and_then(|containers| {
            let ids = containers.iter().filter(|container| servers.contains(container.service())).map(|container| container.id.clone());
            commands::engine::restart(&ids.collect::<Vec<_>>()).read()
        });
        if let Err(error) = restarted {
            // The agent waits no longer than it has to, and ends the server itself.
            self.volume.detail(format!("{error:#}"));
        }
    }
}

/// The parts that the agent is told of.
pub(crate) fn sources(data: &[Data]) -> Vec<Source> {
    data.iter().map(|data| data.source.clone()).collect()
}
