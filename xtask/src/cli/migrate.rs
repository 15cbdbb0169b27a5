//! `migrate`: the database schema, through the service that has `x-migrations`.

mod check;
mod new;
mod rehearse;
mod revert;

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Context;
use crate::commands::compose::Compose;
use crate::engine::containers::Container;
use crate::images::tag::Source;
use crate::migrations::{self, drift};
use crate::model::{Migrations, Model};
use crate::report::{ExitWith, Failure, Volume, product, with_flags};
use crate::stack::{Resolved, Stack};

/// Apply database migrations, list them, begin a new one, go one back, or look for what is wrong with them
#[derive(Args)]
pub(crate) struct Migrate {
    #[command(subcommand)]
    action: Option<Action>,
}

/// What to do.
#[derive(Subcommand, Clone)]
enum Action {
    /// Apply what is pending (the default)
    Up,
    /// List what is applied and what is pending
    Status,
    /// Make the files of a new migration
    New {
        /// What it does: `add_due_date`
        name: String,
    },
    /// Take back the newest applied migration, after asking; in `local` and `test`, what was there becomes the save point `before-revert`
    Revert,
    /// Look for what is wrong with the files, and with the database where it runs
    Check {
        /// Print what was found as JSON
        #[arg(long)]
        json: bool,
        /// Then apply what is pending to a copy of the newest backup, which is removed again
        #[arg(long, conflicts_with = "json")]
        rehearse: bool,
    },
}

impl Migrate {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self.action.unwrap_or(Action::Up) {
            Action::Up => up(context),
            Action::Status => {
                let stack = context.stack()?;
                let resolved = stack.look()?;
                let migrations = running(&stack, &resolved)?;
                status(context, &stack, &resolved.compose, migrations)
            }
            Action::New { name } => {
                let stack = context.stack()?;
                let model = Model::parse(&stack.compose.model().read()?)?;
                new::new(context, &directory(&stack, find(&model)?), &name)
            }
            Action::Revert => revert::revert(context),
            Action::Check { json, rehearse } => {
                check::check(context, json)?;
                if rehearse { rehearse::rehearse(context) } else { Ok(()) }
            }
        }
    }
}

/// Shows what the program of `compose` says, and which files of `stack` it does not know.
fn status(context: &Context, stack: &Stack, compose: &Compose, migrations: &Migrations) -> anyhow::Result<()> {
    let status = compose.run(&migrations.service, &migrations.status);
    if context.dry_run() {
        return context.relay(&status);
    }
    let output = status.capture()?;
    let (told, talk) = (output.stdout.trim_end(), output.stderr.trim_end());
    if !told.is_empty() {
        product(told);
    }
    if output.code != 0 {
        Volume::Normal.say(talk);
        return Err(ExitWith(output.code).into());
    }
    for finding in drift::unbuilt(&drift::parse(told), &migrations::read(&directory(stack, migrations))?) {
        let build = with_flags(finding.kind.fix(), &stack.project.flags());
        context.volume().say(format!("warning: {} {}; {build}", finding.file, finding.text));
    }
    Ok(())
}

fn up(context: &Context) -> anyhow::Result<()> {
    let stack = context.stack()?;
    let resolved = stack.look()?;
    let migrations = running(&stack, &resolved)?;
    context.agree(&stack, "Migrate the database of")?;
    if !context.dry_run() {
        check_built(&stack, &resolved.compose, migrations)?;
    }
    context.relay(&resolved.compose.run(&migrations.service, &migrations.up))
}

/// Refuses to call it done where the program of `compose` does not have all files of `stack`.
///
/// # Errors
/// When it has not.
fn check_built(stack: &Stack, compose: &Compose, migrations: &Migrations) -> anyhow::Result<()> {
    let files = migrations::read(&directory(stack, migrations))?;
    let status = compose.run(&migrations.service, &migrations.status).capture()?;
    if status.code != 0 {
        // The migration itself says better what is wrong.
        return Ok(());
    }
    let unbuilt = drift::unbuilt(&drift::parse(&status.stdout), &files);
    let Some(first) = unbuilt.first() else { return Ok(()) };
    let more = if unbuilt.len() > 1 { format!("; and {} more", unbuilt.len() - 1) } else { String::new() };
    Err(Failure::new(format!("{} {}{more}", first.file, first.text))
        .detail("nothing was changed")
        .hint(match stack.source {
            Source::Pinned(_) => "check out the version that runs, or let one run that has it".to_owned(),
            _ => format!("`cargo xtask up{}` builds the program that has it, and applies it", stack.project.flags()),
        })
        .into())
}

fn find(model: &Model) -> anyhow::Result<&Migrations> {
    let none = || {
        Failure::new("the compose files have no `x-migrations`").hint("`infra/compose.yaml` says which service runs migrations, and how")
    };
    model.migrations.as_ref().ok_or_else(|| none().into())
}

/// Where the files are.
fn directory(stack: &Stack, migrations: &Migrations) -> PathBuf {
    stack.project.infra().join(&migrations.directory)
}

/// How migrations are run, where there is a database to run them on.
fn running<'a>(stack: &Stack, resolved: &'a Resolved) -> anyhow::Result<&'a Migrations> {
    let migrations = find(&resolved.model)?;
    if runs(&resolved.containers, migrations) {
        return Ok(migrations);
    }
    Err(Failure::new("the database does not run")
        .hint(format!("`cargo xtask up{}` starts the stack, and applies migrations", stack.project.flags()))
        .into())
}

/// Whether anything runs but the service that migrates.
fn runs(containers: &[Container], migrations: &Migrations) -> bool {
    containers.iter().any(|container| container.service() != migrations.service && container.running())
}
