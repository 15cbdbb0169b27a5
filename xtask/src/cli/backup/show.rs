//! `backup show`: everything that is known of one backup.

use clap::Args;

use crate::cli::Context;
use crate::data::{agent, store};
use crate::report::{human, human_bytes, product, table};

/// Everything that is known of one backup
#[derive(Args)]
pub(super) struct Show {
    /// Its name, the begin of it, or `latest`
    #[arg(default_value = "latest")]
    id: String,
    /// Print its manifest as JSON
    #[arg(long)]
    json: bool,
}

impl Show {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        let stack = context.stack()?;
        let directory = agent::directory(&stack);
        let backups = store::list(&directory)?;
        let backup = store::find(&backups, &self.id, &stack.project.flags())?;
        let manifest = &backup.manifest;
        if self.json {
            product(serde_json::to_string_pretty(manifest)?);
            return Ok(());
        }
        let or_none = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let place = match &manifest.repository {
            Some(snapshot) => {
                [("repository", snapshot.address.clone()), ("added", human_bytes(snapshot.added)), ("snapshot", snapshot.id.clone())]
            }
            None => [
                ("file", directory.join(backup.file()).display().to_string()),
                ("size", human_bytes(backup.bytes())),
                ("sha256", manifest.archive.as_ref().map_or_else(String::new, |archive| archive.sha256.clone())),
            ],
        };
        let facts = [
            (
                "made",
                format!(
                    "{}, in {}",
                    manifest.created_at,
                    human(std::time::Duration::try_from_secs_f64(manifest.seconds).unwrap_or_default())
                ),
            ),
            ("verified", backup.verified_at.clone().unwrap_or_else(|| "never".to_owned())),
            ("of", format!("{}, environment {}", manifest.project, manifest.environment)),
            ("commit", or_none(&manifest.revision)),
            ("PostgreSQL", or_none(&manifest.postgres)),
            ("migration", or_none(&manifest.migration)),
            ("writing", if manifest.quiesced { "was paused".to_owned() } else { "went on".to_owned() }),
        ];
        let lines: Vec<String> = place.iter().chain(&facts).map(|(name, value)| format!("{name:<10}  {value}")).collect();
        let rows: Vec<[String; 6]> = manifest
            .parts
            .iter()
            .map(|part| {
                let rows = part.rows.values().fold(0_u64, |sum, rows| sum.saturating_add(*rows));
                let stored = part.stored.as_ref().map_or_else(|| "-".to_owned(), |stored| human_bytes(stored.bytes));
                let rows = if part.rows.is_empty() { "-".to_owned() } else { rows.to_string() };
                [part.name.clone(), human_bytes(part.bytes), stored, part.entries.to_string(), rows, part.changed.len().to_string()]
            })
            .collect();
        product(format!("{}\n\n{}", lines.join("\n"), table(["PART", "DATA", "STORED", "ENTRIES", "ROWS", "CHANGED MEANWHILE"], &rows)));
        Ok(())
    }
}
