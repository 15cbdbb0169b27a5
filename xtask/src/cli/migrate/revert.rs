//! `migrate revert`: one step back.

use super::{running, said};
use crate::cli::Context;
use crate::cli::confirm::confirm;
use crate::cli::snapshot;
use crate::engine::containers::REVERT;
use crate::migrations::drift;
use crate::report::{Failure, product, with_flags};

/// What was there becomes this save point.
const SAVEPOINT: &str = "before-revert";

pub(super) fn revert(context: &Context) -> anyhow::Result<()> {
    let stack = context.stack()?;
    let resolved = stack.look()?;
    let migrations = running(&stack, &resolved)?;
    let service = &migrations.service;
    // Elsewhere data may be too large to be copied beside itself, and a backup is what is relied on.
    let saves = stack.environment.secrets.generate;
    if context.dry_run() {
        if saves {
            snapshot::save_as(context, SAVEPOINT)?;
        }
        product(resolved.compose.run_as(REVERT, service, &migrations.revert).to_string());
        return Ok(());
    }
    let lines = said(&resolved.compose, migrations)?.lines;
    let Some(newest) = drift::newest(&lines) else {
        context.volume().say("no migration is applied: there is nothing to revert");
        return Ok(());
    };
    // One that was changed may have another way back than it needs: only where all data are saved first.
    let changed = migrations.revert_changed.as_ref().filter(|_| saves && newest.is_changed());
    // The program refuses these as well; nobody is asked in vain.
    if let Some(finding) = newest.drift().filter(|_| changed.is_none()) {
        return Err(Failure::new(format!("migration {} cannot be reverted: it {}", finding.file, finding.text))
            .detail("nothing was changed")
            .hint(with_flags(finding.kind.fix(), &stack.project.flags()))
            .into());
    }
    let project = &stack.project;
    let safety = if saves {
        format!("All data as they are now become the save point `{SAVEPOINT}`")
    } else {
        format!("There is no save point here: `cargo xtask backup{}` first makes a copy", project.flags())
    };
    let doubt = changed.map_or("", |_| "It was changed after it was applied: today's `.down.sql` is run. ");
    let question = format!(
        "Revert {} {} of {}, environment {}? What only it has room for is lost. {doubt}{safety}",
        newest.number,
        newest.name,
        project.compose_name(),
        project.environment
    );
    if !confirm(&question, context.globals.yes)? {
        return Err(Failure::new("nothing was changed").into());
    }
    if saves {
        snapshot::save_as(context, SAVEPOINT)?;
    }
    let _lock = context.lock(&stack)?;
    let args = [changed.unwrap_or(&migrations.revert).as_slice(), &[newest.number.to_string()]].concat();
    context.relay(&resolved.compose.run_as(REVERT, service, &args))?;
    if saves {
        context.volume().say(format!("`cargo xtask snapshot load {SAVEPOINT}{}` brings back all data as they were", project.flags()));
    }
    Ok(())
}
