//! `backup list`: the backups that are there.

use backup::Request;
use clap::Args;
use serde_json::json;

use super::Session;
use super::create::summary;
use crate::cli::Context;
use crate::data::agent::Access;
use crate::data::{agent, store};
use crate::report::{Failure, human_bytes, product, table};

/// The backups that are there, oldest first
#[derive(Args)]
pub(super) struct List {
    /// Print them as JSON
    #[arg(long)]
    json: bool,
    /// Ask the repository first: what it has becomes known here, as on a new machine
    #[arg(long)]
    remote: bool,
}

impl List {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        if self.remote && !ask(context)? {
            return Ok(());
        }
        let stack = context.stack()?;
        let backups = store::list(&agent::directory(&stack))?;
        if self.json {
            let entry = |backup: &store::Backup| {
                let mut summary = summary(&backup.manifest);
                summary["verified_at"] = json!(backup.verified_at);
                summary
            };
            product(serde_json::to_string_pretty(&json!({ "schema": 1, "backups": backups.iter().map(entry).collect::<Vec<_>>() }))?);
            return Ok(());
        }
        if backups.is_empty() {
            context.volume().say(format!("there is no backup; `cargo xtask backup{}` makes one", stack.project.flags()));
            return Ok(());
        }
        let rows: Vec<[String; 5]> = backups
            .iter()
            .map(|backup| {
                let parts: Vec<&str> = backup.manifest.parts.iter().map(|part| part.name.as_str()).collect();
                let verified = backup.verified_at.clone().unwrap_or_else(|| "never".to_owned());
                [backup.id().to_owned(), human_bytes(backup.bytes()), human_bytes(backup.manifest.bytes()), parts.join(","), verified]
            })
            .collect();
        product(table(["BACKUP", "SIZE", "DATA", "PARTS", "VERIFIED"], &rows));
        Ok(())
    }
}

/// Asks the repository what it has; false where only the command was shown.
fn ask(context: &Context) -> anyhow::Result<bool> {
    let session = Session::begin(context, "backup list")?;
    let Some(repository) = session.repository() else {
        return Err(Failure::new("this environment has no repository to ask")
            .hint("`backup.repository` names one; docs/backup-repository.md says how")
            .into());
    };
    let agent = session.agent()?;
    if context.dry_run() {
        product(agent.command(Access::None, &[]).to_string());
        return Ok(false);
    }
    agent.ask(&Request::List { repository }, Access::None, &[])?;
    Ok(true)
}
