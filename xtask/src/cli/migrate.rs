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
use crate::migrations::drift::Line;
use crate::migrations::{self, Finding, Kind, drift};
use crate::model::{Migrations, Model};
use crate::report::{ExitWith, Failure, Volume, product, with_flags};
use crate::stack::{Resolved, Stack};

/// What a program ends with that does not know a flag: one that is older than the checkout knows no checksums.
const USAGE: i32 = 2;

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

/// What the program of a stack says of migrations.
struct Said {
    /// Where each stands.
    lines: Vec<Line>,
    /// What it wrote to stdout, without checksums.
    text: String,
}

/// Asks the program of `compose`, with checksums where it knows them.
///
/// # Errors
/// With its words and its exit code when it fails.
fn said(compose: &Compose, migrations: &Migrations) -> anyhow::Result<Said> {
    let checksums = migrations.checksums.as_ref().map(|command| compose.run(&migrations.service, command));
    let mut output = checksums.map(|command| command.capture()).transpose()?.filter(|output| output.code != USAGE);
    let output = match output.take() {
        Some(output) => output,
        None => compose.run(&migrations.service, &migrations.status).capture()?,
    };
    if output.code != 0 {
        Volume::Normal.say(output.stderr.trim_end());
        return Err(ExitWith(output.code).into());
    }
    Ok(Said { lines: drift::parse(&output.stdout), text: drift::readable(output.stdout.trim_end()) })
}

/// Shows what the program of `compose` says, and how the files of `stack` differ from that.
fn status(context: &Context, stack: &Stack, compose: &Compose, migrations: &Migrations) -> anyhow::Result<()> {
    if context.dry_run() {
        return context.relay(&compose.run(&migrations.service, &migrations.status));
    }
    let said = said(compose, migrations)?;
    if !said.text.is_empty() {
        product(&said.text);
    }
    let files = migrations::read(&directory(stack, migrations))?;
    for finding in drift::compare(&said.lines, &files).iter().filter(|finding| finding.kind != Kind::OutOfOrder) {
        let fix = with_flags(finding.kind.fix(), &stack.project.flags());
        context.volume().say(format!("warning: {} {}; {fix}", finding.file, finding.text));
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

/// Refuses to call it done where the program of `compose` does not have the files of `stack`, or one was changed after it was applied.
///
/// # Errors
/// When that is so, or the program cannot say it.
fn check_built(stack: &Stack, compose: &Compose, migrations: &Migrations) -> anyhow::Result<()> {
    let files = migrations::read(&directory(stack, migrations))?;
    let said = said(compose, migrations)?;
    let found = drift::compare(&said.lines, &files);
    let refused: Vec<&Finding> =
        found.iter().filter(|finding| [Kind::Changed, Kind::Missing, Kind::Unbuilt].contains(&finding.kind)).collect();
    let Some(first) = refused.first() else { return Ok(()) };
    let more = if refused.len() > 1 { format!("; and {} more", refused.len() - 1) } else { String::new() };
    let fix = match stack.source {
        Source::Pinned(_) if first.kind == Kind::Unbuilt => "check out the version that runs, or let one run that has it".to_owned(),
        _ => with_flags(first.kind.fix(), &stack.project.flags()),
    };
    Err(Failure::new(format!("{} {}{more}", first.file, first.text)).detail("nothing was changed").hint(fix).into())
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
