//! `restore`: data comes back from a backup.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use backup::{BEFORE_RESTORE, Event, Kind, Location, Manifest, Request};
use clap::Args;

use super::Context;
use super::backup::Session;
use super::confirm::confirm;
use crate::data::agent::{Access, Agent, sources};
use crate::data::store;
use crate::model::Data;
use crate::report::{Failure, product};

/// Replace data by that of a backup, after asking
#[derive(Args)]
pub(crate) struct Restore {
    /// The backup's name, the begin of it, or `latest`
    #[arg(default_value = "latest", conflicts_with = "at")]
    id: String,
    /// Only these parts: db,media
    #[arg(long, value_name = "PART", value_delimiter = ',')]
    only: Vec<String>,
    /// A backup that is a file somewhere else, of another instance or machine
    #[arg(long, value_name = "FILE")]
    at: Option<PathBuf>,
    /// Bring back device nodes among the files of a volume, too; they are refused otherwise
    #[arg(long)]
    devices: bool,
}

/// What is brought back.
enum Chosen {
    /// One of those of this stack.
    Known(Box<store::Backup>),
    /// A file somewhere else.
    File(PathBuf),
}

impl Restore {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let session = Session::begin(context, "restore")?;
        let chosen = self.choose(&session)?;
        let agent = session.agent()?;
        let (agent, backup, manifest) = match chosen {
            Chosen::Known(backup) => (agent, backup.location(session.repository().as_ref())?, backup.manifest),
            Chosen::File(path) => read(context, agent, &path)?,
        };
        let data = self.parts(&session, &manifest)?;
        let names: Vec<&str> = data.iter().map(|data| data.source.name.as_str()).collect();
        let others = session.others(BEFORE_RESTORE, &data)?;
        let (parts, others_named) = (sources(&data), sources(&others));
        let request = Request::Restore { backup, parts, newest_migration: newest(&session)?, others: others_named, devices: self.devices };
        if context.dry_run() {
            product(agent.command(Access::Write, &data).to_string());
            return Ok(());
        }
        let project = &session.stack.project;
        let (own, from) = ((project.compose_name(), &project.environment), (&manifest.project, &manifest.environment));
        if (&own.0, own.1) != from {
            context
                .volume()
                .say(format!("the backup is of {}, environment {}, and goes to {}, environment {}", from.0, from.1, own.0, own.1));
        }
        let left = session.data.iter().map(|data| data.source.name.as_str()).filter(|name| manifest.part(name).is_none());
        for name in left.filter(|_| self.only.is_empty()) {
            context.volume().say(format!("the backup has no {name}, which stays as it is"));
        }
        tell_others(context, BEFORE_RESTORE, &others);
        let question = format!(
            "Replace {} of {}, environment {}, by the backup of {}? What is there becomes the save point `before-restore`",
            names.join(", "),
            own.0,
            own.1,
            manifest.created_at
        );
        if !confirm(&question, context.globals.yes)? {
            return Err(Failure::new("nothing was changed").into());
        }
        session.start(&data)?;
        session.replace(&agent, &request, &data, &others)?;
        context.volume().say(format!("back as of {}: {}", manifest.created_at, names.join(", ")));
        context.volume().say(format!("`cargo xtask snapshot load before-restore{}` takes it back", project.flags()));
        self.migrate(context, &session, &data)
    }

    /// The backup that was named.
    fn choose(&self, session: &Session<'_>) -> anyhow::Result<Chosen> {
        let Some(path) = &self.at else {
            let backups = store::list(&session.directory())?;
            return Ok(Chosen::Known(Box::new(store::find(&backups, &self.id, &session.stack.project.flags())?.clone())));
        };
        let refused = |text: String| Failure::new(text).hint("`--at` takes a file that `cargo xtask backup` made");
        let path = path.canonicalize().with_context(|| format!("cannot read {}", path.display()));
        let path = path.map_err(|error| refused(format!("{error:#}")))?;
        if path.is_file() { Ok(Chosen::File(path)) } else { Err(refused(format!("{} is not a file", path.display())).into()) }
    }

    /// What is replaced: what is asked for, or all that both the backup and the stack have.
    fn parts(&self, session: &Session<'_>, manifest: &Manifest) -> anyhow::Result<Vec<Data>> {
        let has = |name: &str| manifest.part(name).is_some();
        let here: Vec<&str> = session.data.iter().map(|data| data.source.name.as_str()).collect();
        let both: Vec<&str> = here.iter().copied().filter(|name| has(name)).collect();
        if self.only.iter().any(String::is_empty) {
            return Err(Failure::new("`--only` has a name that is empty").hint(format!("parts: {}", both.join(", "))).into());
        }
        if let Some(unknown) = self.only.iter().find(|name| !both.contains(&name.as_str())) {
            let place = if here.contains(&unknown.as_str()) { "the backup" } else { "the stack" };
            return Err(Failure::new(format!("{place} has no part `{unknown}`")).hint(format!("parts: {}", both.join(", "))).into());
        }
        let wanted = |data: &&Data| has(&data.source.name) && (self.only.is_empty() || self.only.contains(&data.source.name));
        let parts: Vec<Data> = session.data.iter().filter(wanted).cloned().collect();
        if parts.is_empty() {
            return Err(Failure::new("the backup has nothing that this stack has")
                .hint(format!("the stack has: {}", here.join(", ")))
                .into());
        }
        Ok(parts)
    }

    /// An older schema is brought up to date while the application that needs it runs; otherwise the next start does it.
    fn migrate(&self, context: &Context, session: &Session<'_>, data: &[Data]) -> anyhow::Result<()> {
        let Some(migrations) =
            session.resolved.model.migrations.as_ref().filter(|_| data.iter().any(|data| data.source.kind == Kind::Postgres))
        else {
            return Ok(());
        };
        let ran = session.resolved.containers.iter().any(|container| container.service() == migrations.service);
        if ran { context.perform(&session.resolved.compose.run(&migrations.service, &migrations.up)) } else { Ok(()) }
    }
}

/// Says that a save point goes which has more than the one that takes its place.
pub(super) fn tell_others(context: &Context, name: &str, others: &[Data]) {
    let others: Vec<&str> = others.iter().map(|data| data.source.name.as_str()).collect();
    if !others.is_empty() {
        context.volume().say(format!("the save point `{name}` that is there also has {}: it is gone then", others.join(", ")));
    }
}

/// The agent with the file `path` in its reach, and what it is.
fn read<'a>(context: &Context, agent: Agent<'a>, path: &Path) -> anyhow::Result<(Agent<'a>, Location, Manifest)> {
    let agent = agent.with_file(path)?;
    if context.dry_run() {
        return Err(Failure::new("what is in a file is known once the agent has read it")
            .hint("leave out `--dry-run`: it asks before it changes anything")
            .into());
    }
    let file = Agent::FILE.to_owned();
    match agent.ask(&Request::Show { file: file.clone() }, Access::None, &[])? {
        Event::Backup { manifest } => Ok((agent, Location::File(file), *manifest)),
        _ => anyhow::bail!("the agent answered something else than a backup"),
    }
}

/// The newest migration that this checkout has, by the number that its files begin with.
fn newest(session: &Session<'_>) -> anyhow::Result<Option<String>> {
    let Some(migrations) = &session.resolved.model.migrations else { return Ok(None) };
    let directory = session.stack.project.infra().join(&migrations.directory);
    let unreadable = || format!("cannot read {}", directory.display());
    let mut newest: Option<u64> = None;
    for entry in std::fs::read_dir(&directory).with_context(unreadable)? {
        let name = entry.with_context(unreadable)?.file_name();
        let digits: String = name.to_string_lossy().chars().take_while(char::is_ascii_digit).collect();
        newest = newest.max(digits.parse().ok());
    }
    Ok(newest.map(|number| number.to_string()))
}
