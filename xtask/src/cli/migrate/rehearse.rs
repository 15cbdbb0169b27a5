//! `migrate check --rehearse`: what is pending, applied to a copy of the data.

use std::collections::BTreeSet;
use std::time::Instant;

use backup::Kind;

use super::{check_built, find};
use crate::cli::Context;
use crate::cli::backup::Session;
use crate::cli::backup::drill::{elsewhere, lend};
use crate::data::store;
use crate::report::{Failure, human, product};

/// Restores the database of the newest backup into a throw-away instance, and migrates it there.
///
/// # Errors
/// When there is no backup, or a migration fails on it. The stack itself is not touched.
pub(super) fn rehearse(context: &Context) -> anyhow::Result<()> {
    let session = Session::begin(context, "migrate check")?;
    let backups = store::list(&session.directory())?;
    let backup = store::find(&backups, "latest", &session.stack.project.flags())?;
    if context.dry_run() {
        let migrations = find(&session.resolved.model)?;
        product(session.resolved.compose.run(&migrations.service, &migrations.up).to_string());
        return Ok(());
    }
    elsewhere(
        context,
        &session,
        backup,
        |data| data.source.kind == Kind::Postgres,
        |copy, _| {
            let migrations = find(&copy.resolved.model)?;
            if !lend(context, &session, copy, &BTreeSet::from([migrations.service.clone()]))? {
                return Err(Failure::new("there is no program to migrate with").hint("`cargo xtask dev` builds it").into());
            }
            let failed = || format!("the migrations do not work on a copy of {}", backup.id());
            check_built(&session.stack, &copy.resolved.compose, migrations).map_err(|error| match error.downcast::<Failure>() {
                Ok(failure) => failure.told_as(failed()).into(),
                Err(error) => error,
            })?;
            let begun = Instant::now();
            let up = copy.resolved.compose.run(&migrations.service, &migrations.up);
            let output = up.capture()?;
            if output.code != 0 {
                let failure = Failure::new(failed());
                let failure = crate::process::last_lines(&(output.stdout + &output.stderr), 12).into_iter().fold(failure, Failure::detail);
                return Err(failure
                    .hint("nothing but the copy was changed, and it is removed; fix the migration and rehearse again")
                    .into());
            }
            product(output.stdout.trim_end());
            context.volume().say(format!("a copy of {} is up to date after {}", backup.id(), human(begun.elapsed())));
            Ok(())
        },
    )
}
