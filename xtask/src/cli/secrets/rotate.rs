//! `secrets rotate`: a new value, in the file and in what is running.

use std::io::{IsTerminal as _, Read as _};

use anyhow::Context as _;
use clap::Args;

use super::super::Context;
use super::super::up::{StartArgs, start_services};
use crate::commands;
use crate::model::{self, Kind, Model};
use crate::report::{Failure, product};
use crate::secrets::{self, Secret, file};
use crate::stack::{Resolved, Stack, has_data};

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
        let stack = context.stack_on_engine()?;
        let _lock = context.lock(&stack)?;
        let resolved = stack.resolve()?;
        let secrets = secrets::of(&stack.project, &resolved.model);
        let Some(secret) = secrets.iter().find(|secret| secret.name == self.name) else {
            let names: Vec<&str> = secrets.iter().map(|secret| secret.name.as_str()).collect();
            return Err(Failure::new(format!("there is no secret `{}` in this environment", self.name))
                .hint(format!("secrets: {}", names.join(", ")))
                .into());
        };
        let change = Change::of(secret, &stack)?;
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
enum Change {
    /// A value.
    Value(String),
    /// A certificate with its key, of our own making.
    Certificate,
}

impl Change {
    fn of(secret: &Secret, stack: &Stack) -> anyhow::Result<Self> {
        match secret.note.kind {
            Kind::Random => Ok(Self::Value(file::random()?)),
            Kind::Certificate | Kind::Key if secret.can_be_made(&stack.environment) => Ok(Self::Certificate),
            _ => read_value(&secret.name).map(Self::Value),
        }
    }

    fn apply(self, context: &Context, stack: &Stack, resolved: &Resolved, secret: &Secret) -> anyhow::Result<()> {
        let Self::Value(value) = self else {
            secrets::make_certificate(&stack.project, &stack.environment, &resolved.model)?;
            return tell(context, stack, resolved, secret, "");
        };
        let before = std::fs::read_to_string(&secret.file).ok();
        file::write(&secret.file, &value)?;
        tell(context, stack, resolved, secret, &value).inspect_err(|_| {
            // What runs goes on with the old one.
            let _ = before.map_or_else(|| Ok(std::fs::remove_file(&secret.file)?), |before| file::write(&secret.file, &before));
        })
    }
}

/// Tells what runs of the new value.
fn tell(context: &Context, stack: &Stack, resolved: &Resolved, secret: &Secret, value: &str) -> anyhow::Result<()> {
    let Some(rotate) = &secret.note.rotate else {
        let users: Vec<String> = users(&resolved.model, &secret.name);
        let running = |name: &String| resolved.containers.iter().any(|container| container.service() == name && container.running());
        let running: Vec<String> = users.into_iter().filter(running).collect();
        if running.is_empty() {
            return Ok(());
        }
        context.perform(&resolved.compose.stop(&running))?;
        return start_services(context, stack, &stack.resolve()?, &running.into_iter().collect(), StartArgs::default());
    };
    let mut containers = resolved.containers.iter().filter(|container| container.service() == rotate.service);
    let Some(container) = containers.find(|container| container.running()) else {
        // A new value is read at the next start, unless a volume remembers the old one.
        let remembered = !rotate.stdin.is_empty() && has_data(&stack.project)?;
        return if remembered { Err(not_running(&rotate.service, stack).into()) } else { Ok(()) };
    };
    let command = commands::engine::exec(container.name(), false, &rotate.command);
    let output = command.capture_with(rotate.stdin.replace("{value}", value))?;
    match output.code {
        0 => Ok(()),
        code => {
            Err(Failure::new(format!("`{}` could not be told of the new value, so the old one stays (exit code {code})", rotate.service))
                .detail(output.stderr.replace(value, "…").trim().replace('\n', "\n  "))
                .into())
        }
    }
}

fn not_running(service: &str, stack: &Stack) -> Failure {
    Failure::new(format!("`{service}` does not run, and it has to be told of the new value"))
        .detail("nothing was changed")
        .hint(format!("`cargo xtask up{}` starts it", stack.project.flags()))
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
        eprintln!("the new value of `{name}`, then Ctrl-D on a line of its own:");
    }
    let mut value = String::new();
    stdin.take(MAX_BYTES).read_to_string(&mut value).context("cannot read the new value from stdin")?;
    if value.trim().is_empty() {
        return Err(Failure::new(format!("there is no new value for `{name}` on stdin")).detail("nothing was changed").into());
    }
    Ok(value)
}
