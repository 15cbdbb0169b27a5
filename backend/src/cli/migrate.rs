//! `backend migrate`: brings the schema up to date, shows where it stands, or goes one step back.
use crate::config::{Env, MigrateConfig};
use crate::migrations::{self, Changed, Entry, MIGRATOR, Status, Text};
use crate::shutdown::Shutdown;
use anyhow::{anyhow, bail};
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
    Status {
        /// Also the checksums: `own` is that of this program's text, `recorded` that of the text that was applied
        #[arg(long)]
        checksums: bool,
    },
    /// Take back the newest applied migration, by its down file
    Revert {
        /// Its number: where another one is the newest, nothing is done
        version: Option<i64>,
        /// Also one that was changed after it was applied: its down file may not fit
        #[arg(long)]
        changed: bool,
    },
}

impl Migrate {
    /// Runs the verb.
    pub fn run(self) -> anyhow::Result<()> {
        super::block_on(&mut Builder::new_current_thread(), async {
            let shutdown = Shutdown::on_signals()?;
            let config = MigrateConfig::read(Env::process())?;
            tokio::select! {
                outcome = act(self.action, &config) => outcome,
                () = shutdown.requested() => {
                    bail!("stopped by a signal; what was under way is rolled back, run the same command again")
                }
            }
        })
    }
}

async fn act(action: Action, config: &MigrateConfig) -> anyhow::Result<()> {
    let mut connection = migrations::connect(&config.database, migrations::CONNECT_DEADLINE).await?;
    let mut out = io::stdout();
    match action {
        Action::Up => {
            let applied = migrations::up(&mut connection, &MIGRATOR, |migration| {
                // A closed standard output must not stop a migration half-way through the list.
                let _ = writeln!(out, "applied {} {}", migration.version, migration.description);
            })
            .await
            .map_err(|error| with_way_back(error, config.revert.as_deref()))?;
            for entry in migrations::status(&mut connection, &MIGRATOR).await?.iter().filter(|entry| entry.status == Status::Empty) {
                writeln!(out, "{} {} {}: it has no statement", entry.status.name(), entry.version, entry.description)?;
            }
            if applied == 0 {
                writeln!(out, "nothing to apply")?;
            }
            for object in migrations::invalid(&mut connection).await? {
                writeln!(out, "warning: invalid: {object}")?;
            }
        }
        Action::Status { checksums } => {
            for entry in migrations::status(&mut connection, &MIGRATOR).await? {
                let sums = if checksums { sums(&entry) } else { String::new() };
                writeln!(out, "{:<18} {}  {}{sums}", entry.status.name(), entry.version, entry.description)?;
            }
            for object in migrations::invalid(&mut connection).await? {
                writeln!(out, "{:<18} {object}", "invalid")?;
            }
        }
        Action::Revert { version, changed } => {
            let text = if changed { Text::Any } else { Text::Applied };
            match migrations::revert(&mut connection, &MIGRATOR, version, text).await? {
                Some(entry) => writeln!(out, "reverted {} {}", entry.version, entry.description)?,
                None => writeln!(out, "nothing to revert")?,
            }
        }
    }
    Ok(())
}

/// Names `command`, which takes back the newest migration here, where that was changed.
fn with_way_back(error: anyhow::Error, command: Option<&str>) -> anyhow::Error {
    match (error.downcast_ref::<Changed>(), command) {
        (Some(changed), Some(command)) if changed.revertible => anyhow!(
            "{changed}\n  or take it back: `{command}`; what only it has room for is lost, columns and tables with their data. \
             Then `cargo xtask dev` applies it as it is now, and so does `cargo xtask up`"
        ),
        _ => error,
    }
}

/// `  own=sha384:…  recorded=sha384:…`, as far as there are such.
fn sums(entry: &Entry) -> String {
    let sum = |name: &str, checksum: Option<&Vec<u8>>| {
        let digits: Option<String> = checksum.map(|checksum| checksum.iter().map(|byte| format!("{byte:02x}")).collect());
        digits.map(|digits| format!("  {name}=sha384:{digits}")).unwrap_or_default()
    };
    sum("own", entry.own.as_ref()) + &sum("recorded", entry.recorded.as_ref().map(|record| &record.checksum))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrations::Record;

    #[test]
    fn the_way_back_is_named_where_there_is_one() {
        let changed = |revertible| Changed { path: "a.up.sql".to_owned(), difference: "its text differs".to_owned(), revertible };
        let told = |revertible, command| with_way_back(changed(revertible).into(), command).to_string();
        let plain = "a.up.sql was changed after it was applied: its text differs\n  \
                     nothing was applied; restore its text, and put the change into a new migration";
        assert_eq!([told(false, Some("revert it")), told(true, None)], [plain, plain]);
        let text = told(true, Some("revert it"));
        assert!(text.starts_with(plain) && text.contains("\n  or take it back: `revert it`; what only it has room for is lost"), "{text}");
        assert_eq!(with_way_back(anyhow!("other"), Some("revert it")).to_string(), "other");
    }

    #[test]
    fn checksums_are_named() {
        let record = Record { description: "a".to_owned(), checksum: vec![0, 255] };
        let entry = |own, recorded| Entry { version: 1, description: "a".to_owned(), status: Status::Changed, own, recorded };
        assert_eq!(sums(&entry(Some(vec![1]), Some(record))), "  own=sha384:01  recorded=sha384:00ff");
        assert_eq!(sums(&entry(None, None)), "");
    }
}
