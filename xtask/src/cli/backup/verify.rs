//! `backup verify`: whether backups are what they were when they were made.

use backup::{Request, time};
use clap::Args;

use super::Session;
use super::drill::drill;
use crate::cli::Context;
use crate::data::agent::Access;
use crate::data::{metrics, store};
use crate::report::{Failure, product};

/// Read a backup and compare every part with its manifest
#[derive(Args)]
pub(super) struct Verify {
    /// Its name, the begin of it, or `latest`
    #[arg(default_value = "latest", conflicts_with = "all")]
    id: String,
    /// All that are there
    #[arg(long)]
    all: bool,
    /// Restore it into a throw-away instance too, start the application on it, and remove that instance
    #[arg(long, conflicts_with = "all")]
    drill: bool,
    /// Of a repository: read all of its data, not only its structure and the dumps of the backup
    #[arg(long)]
    read_data: bool,
}

impl Verify {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        let session = Session::begin(context, "backup verify")?;
        let backups = store::list(&session.directory())?;
        let chosen: Vec<&store::Backup> =
            if self.all { backups.iter().collect() } else { vec![store::find(&backups, &self.id, &session.stack.project.flags())?] };
        let repository = session.repository();
        if self.read_data && chosen.iter().all(|backup| backup.manifest.repository.is_none()) {
            return Err(Failure::new("`--read-data` is for backups in a repository; one in a file is always read as a whole")
                .hint(format!("`cargo xtask backup verify{}`, without it", session.stack.project.flags()))
                .into());
        }
        let agent = session.agent()?;
        if context.dry_run() {
            product(agent.command(Access::None, &[]).to_string());
            return Ok(());
        }
        let mut damaged = None;
        for backup in chosen {
            let request = |backup| Request::Verify { backup, read_data: self.read_data };
            let location = backup.location(repository.as_ref());
            let in_reach = location.is_ok();
            match location.map_err(Into::into).and_then(|backup| agent.ask(&request(backup), Access::None, &[])) {
                Ok(_) => {
                    if self.drill {
                        drill(context, &session, backup)?;
                    }
                    store::mark_verified(&session.directory(), backup.id(), time::now())?;
                    metrics::record(&session.directory());
                    product(format!("{}  as it was{}", backup.id(), if self.drill { ", and restored" } else { "" }));
                }
                Err(error) => {
                    if in_reach && error.is::<Failure>() {
                        // That it was whole once is of no use to anybody now.
                        store::unmark_verified(&session.directory(), backup.id())?;
                        metrics::record(&session.directory());
                    }
                    // Each of them is looked at; the first failure is the answer.
                    if !self.all || !error.is::<Failure>() {
                        return Err(error);
                    }
                    product(format!("{}  {error}", backup.id()));
                    damaged = damaged.or(Some(error));
                }
            }
        }
        damaged.map_or(Ok(()), Err)
    }
}
