//! `secrets rotate`: a new value, in the file and in what is running.

use std::io::{IsTerminal as _, Read as _};

use anyhow::Context as _;
use clap::Args;

use super::super::Context;
use super::super::up::{StartArgs, start_services};
use super::told;
use crate::model::{self, Kind, Model};
use crate::report::{Failure, Volume, product};
use crate::secrets::{self, Secret, file};
use crate::stack::{Resolved, Stack};

/// Secrets are short.
const MAX_BYTES: u64 = 1 << 20;

/// Put a new value in the place of a secret, also in what is running
#[derive(Args)]
pub(super) struct Rotate {
    /// The secret; `cargo xtask secrets list` has their names
    name: String,
}

impl Rotate {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        let stack = super::with_all(context.stack_on_engine()?)?;
        let _lock = context.lock(&stack)?;
        let resolved = stack.resolve()?;
        let secrets = secrets::of(&stack.project, &resolved.model);
        let Some(secret) = secrets.iter().find(|secret| secret.name == self.name) else {
            let names: Vec<&str> = secrets.iter().map(|secret| secret.name.as_str()).collect();
            return Err(Failure::new(format!("there is no secret `{}` in this environment", self.name))
                .hint(format!("secrets: {}", names.join(", ")))
                .into());
        };
        let change = Change::of(secret, &secrets, &stack)?;
        let effect = effect(&resolved.model, secret);
        if context.dry_run() {
            product(format!("a new value for {}; {effect}", secret.shown(&stack.project)));
            return Ok(());
        }
        context.agree(&stack, &format!("Replace {} ({effect}) in", secret.name))?;
        change.apply(context, &stack, &resolved, secret)?;
        context.volume().say(format!("{} has a new value", secret.shown(&stack.project)));
        Ok(())
    }
}

/// What takes the place of a secret.
enum Change<'a> {
    /// A value that a running service has to learn, and will remember.
    Learnt(String),
    /// New contents of files.
    Files(Vec<(&'a Secret, String)>),
    /// A certificate with its key, of our own making.
    Certificate,
}

impl<'a> Change<'a> {
    fn of(secret: &'a Secret, all: &'a [Secret], stack: &Stack) -> anyhow::Result<Self> {
        let value = match secret.note.kind {
            // What an interrupted run may have told already is told again.
            Kind::Random => std::fs::read_to_string(secret.next()).map_or_else(|_| file::random(), Ok)?.trim().to_owned(),
            Kind::Certificate | Kind::Key if secret.can_be_made(&stack.environment) => return Ok(Self::Certificate),
            _ => read_value(&secret.name)?,
        };
        if secret.is_remembered() {
            return Ok(Self::Learnt(value));
        }
        // A certificate and its key fit together: both come at once, or nothing takes them.
        let of_kind = |kind| all.iter().find(|secret| secret.note.kind == kind);
        if let (Kind::Certificate | Kind::Key, Some((chain, pem))) = (secret.note.kind, secrets::pair(&value))
            && let (Some(certificate), Some(key)) = (of_kind(Kind::Certificate), of_kind(Kind::Key))
        {
            return Ok(Self::Files(vec![(key, pem), (certificate, chain)]));
        }
        Ok(Self::Files(vec![(secret, value)]))
    }

    fn apply(self, context: &Context, stack: &Stack, resolved: &Resolved, secret: &Secret) -> anyhow::Result<()> {
        match self {
            Self::Certificate => {
                secrets::make_certificate(&stack.project, &stack.environment, &resolved.model)?;
                reload(context, stack, resolved, secret)
            }
            Self::Learnt(value) => told::learn(context, stack, secret, &value),
            Self::Files(files) => {
                let before: Vec<Option<String>> = files.iter().map(|(secret, _)| std::fs::read_to_string(&secret.file).ok()).collect();
                files.iter().try_for_each(|(secret, value)| file::write(&secret.file, value))?;
                reload(context, stack, resolved, secret).inspect_err(|_| {
                    // What runs goes on with the old ones: an instance before the one that refused has taken the new ones.
                    for ((secret, _), before) in files.iter().zip(before) {
                        let _ = before.map_or_else(|| Ok(std::fs::remove_file(&secret.file)?), |before| file::write(&secret.file, &before));
                    }
                    if let Some(rotate) = &secret.note.rotate {
                        let _ = told::reload(stack, rotate, secret.note.kind);
                    }
                })
            }
        }
    }
}

/// Has what runs read the files of a secret again.
fn reload(context: &Context, stack: &Stack, resolved: &Resolved, secret: &Secret) -> anyhow::Result<()> {
    if let Some(rotate) = &secret.note.rotate {
        return told::reload(stack, rotate, secret.note.kind);
    }
    let users = users(&resolved.model, &secret.name);
    let running = |name: &String| resolved.containers.iter().any(|container| container.service() == name && container.running());
    let running: Vec<String> = users.iter().filter(|name| running(name)).cloned().collect();
    if !running.is_empty() {
        context.perform(&resolved.compose.stop(&running))?;
        let start = StartArgs::default().keeping_the_builder();
        start_services(context, stack, &stack.resolve()?, &running.into_iter().collect(), start)?;
    }
    for container in told::of_instances(stack, &users)?.iter().filter(|container| container.project() != stack.project.compose_name()) {
        context.volume().say(format!(
            "{} of {} goes on with the old value, until `cargo xtask restart {} --instance …` there",
            container.service(),
            container.project(),
            container.service()
        ));
    }
    Ok(())
}

fn users(model: &Model, secret: &str) -> Vec<String> {
    let users = model.services.iter().filter(|(name, service)| service.has_secret(secret) && !model.one_shot(name));
    users.map(|(name, _)| name.clone()).collect()
}

fn effect(model: &Model, secret: &Secret) -> String {
    match &secret.note.rotate {
        Some(model::Rotate { service, .. }) => format!("{service} is told while it runs"),
        None => format!("services that are restarted: {}", users(model, &secret.name).join(", ")),
    }
}

/// The value of a secret that only somebody else knows.
fn read_value(name: &str) -> anyhow::Result<String> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        Volume::Normal.say(format!("the new value of `{name}`, then Ctrl-D on a line of its own:"));
    }
    let mut bytes = Vec::new();
    stdin.take(MAX_BYTES + 1).read_to_end(&mut bytes).context("cannot read the new value from stdin")?;
    let refuse = |reason: &str| {
        let failure = Failure::new(format!("{reason} for `{name}` on stdin")).detail("nothing was changed");
        Err(failure.hint(format!("for example `cargo xtask secrets rotate {name} --yes <FILE`")).into())
    };
    if bytes.len() as u64 > MAX_BYTES {
        return refuse("there is more than 1 MB");
    }
    match String::from_utf8(bytes) {
        Ok(value) if value.trim().is_empty() => refuse("there is no new value"),
        Ok(value) => Ok(value),
        Err(_) => refuse("there is something else than text"),
    }
}
