//! `backup prune`: removes backups that no rule keeps.

use backup::{Location, Repository, Request, time};
use clap::Args;

use super::Session;
use crate::cli::Context;
use crate::cli::confirm::confirm;
use crate::data::agent::Access;
use crate::data::retention::{Rules, Verdict};
use crate::data::{metrics, store};
use crate::report::{Failure, human_bytes, product, table};

/// Remove backups that no rule keeps, after asking
#[derive(Args)]
pub(super) struct Prune {
    #[command(flatten)]
    rules: Rules,
}

impl Prune {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        if self.rules.is_empty() {
            return Err(Failure::new("there is no rule that keeps a backup, so all would go")
                .hint(format!(
                    "for example `cargo xtask backup prune{} --keep-daily 7 --keep-weekly 4 --keep-monthly 12`; `--dry-run` only shows what would go",
                    context.project()?.flags()
                ))
                .into());
        }
        let session = Session::begin(context, "backup prune")?;
        let backups = store::list(&session.directory())?;
        let verdicts = self.rules.judge(&backups);
        let rows: Vec<[String; 4]> = verdicts.iter().map(row).collect();
        if !rows.is_empty() {
            product(table(["BACKUP", "SIZE", "DECISION", "BY"], &rows));
        }
        let doomed: Vec<&store::Backup> =
            verdicts.iter().filter(|verdict| verdict.reasons.is_empty()).map(|verdict| verdict.backup).collect();
        if doomed.is_empty() || context.dry_run() {
            context.volume().say(if doomed.is_empty() { "nothing to remove" } else { "nothing was removed" });
            return Ok(());
        }
        let repository = session.repository();
        let snapshots = snapshots(&doomed, repository.as_ref())?;
        let agent = session.agent()?;
        // What others are given up for must be worth it.
        if let Some(newest) = backups.last() {
            let request = Request::Verify { backup: newest.location(repository.as_ref())?, read_data: false };
            agent.ask(&request, Access::None, &[]).map_err(|error| match error.downcast::<Failure>() {
                Ok(failure) => failure.hint("nothing was removed: the newest backup must be whole before older ones go").into(),
                Err(error) => error,
            })?;
            store::mark_verified(&session.directory(), newest.id(), time::now())?;
        }
        if !confirm(&format!("Remove {} of {} backups? There is no way back", doomed.len(), backups.len()), context.globals.yes)? {
            return Err(Failure::new("nothing was removed").into());
        }
        if let Some(repository) = repository.filter(|_| !snapshots.is_empty()) {
            agent.ask(&Request::Forget { repository, snapshots }, Access::None, &[])?;
        }
        doomed.iter().try_for_each(|backup| store::remove(&session.directory(), backup.id()))?;
        metrics::record(&session.directory());
        // What a repository frees is what no other backup in it has, which nobody here knows.
        let files = doomed.iter().filter(|backup| backup.manifest.repository.is_none());
        let freed = files.fold(0_u64, |sum, backup| sum.saturating_add(backup.bytes()));
        let freed = if freed > 0 { format!(", {}", human_bytes(freed)) } else { String::new() };
        context.volume().say(format!("removed {} backups{freed}", doomed.len()));
        Ok(())
    }
}

/// The snapshots among `doomed`, of the one repository that can be asked.
fn snapshots(doomed: &[&store::Backup], repository: Option<&Repository>) -> Result<Vec<String>, Failure> {
    let mut snapshots = Vec::new();
    for backup in doomed {
        if let Location::Snapshot { id, .. } = backup.location(repository)? {
            snapshots.push(id);
        }
    }
    Ok(snapshots)
}

fn row(verdict: &Verdict<'_>) -> [String; 4] {
    let decision = if verdict.reasons.is_empty() { "remove" } else { "keep" };
    [verdict.backup.id().to_owned(), human_bytes(verdict.backup.bytes()), decision.to_owned(), verdict.reasons.join(",")]
}
