//! `backend migrate`: brings the schema up to date, shows where it stands, or goes one step back.
use crate::config::{DatabaseConfig, Env, MigrateConfig};
use crate::migrations::{self, Status};
use crate::shutdown::Shutdown;
use anyhow::bail;
use clap::{Args, Subcommand};
use std::io::{self, Write};
use tokio::runtime::Builder;

/// The flags of `backend migrate`.
#[derive(Debug, Args)]
pub struct Migrate {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum Action {
    /// Apply what is pending
    Up,
    /// Show what is applied and what is pending
    Status,
    /// Take back the newest applied migration, by its down file
    Revert {
        /// Its number: where another one is the newest, nothing is done
        version: Option<i64>,
    },
}

impl Migrate {
    /// Runs the verb.
    pub fn run(self) -> anyhow::Result<()> {
        super::block_on(&mut Builder::new_current_thread(), async {
            let shutdown = Shutdown::on_signals()?;
            let MigrateConfig { database } = MigrateConfig::read(Env::process())?;
            tokio::select! {
                outcome = act(self.action, &database) => outcome,
                () = shutdown.requested() => {
                    bail!("stopped by a signal; what was under way is rolled back, run the same command again")
                }
            }
        })
    }
}

async fn act(action: Action, database: &DatabaseConfig) -> anyhow::Result<()> {
    let mut connection = migrations::connect(database, migrations::CONNECT_DEADLINE).await?;
    let mut out = io::stdout();
    match action {
        Action::Up => {
            let applied = migrations::up(&mut connection, |migration| {
                // A closed standard output must not stop a migration half-way through the list.
                let _ = writeln!(out, "applied {} {}", migration.version, migration.description);
            })
            .await?;
            if applied == 0 {
                writeln!(out, "nothing to apply")?;
            }
        }
        Action::Status => {
            for entry in migrations::status(&mut connection).await? {
                let state = match entry.status {
                    Status::Applied => "applied",
                    Status::Pending => "pending",
                    Status::OutOfOrder => "out-of-order",
                    Status::Changed => "changed",
                    Status::Unknown => "unknown",
                };
                writeln!(out, "{:<12} {}  {}", state, entry.version, entry.description)?;
            }
        }
        Action::Revert { version } => match migrations::revert(&mut connection, version).await? {
            Some(entry) => writeln!(out, "reverted {} {}", entry.version, entry.description)?,
            None => writeln!(out, "nothing to revert")?,
        },
    }
    Ok(())
}
