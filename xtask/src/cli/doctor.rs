//! `doctor`: what is wrong, and what mends it.

use std::path::PathBuf;

use clap::Args;

use super::{Context, program};
use crate::doctor::{Facts, Report, all, bundle};
use crate::report::{ExitWith, product};

/// Check this machine, this checkout and this stack: everything that could be wrong, each with its fix
#[derive(Args)]
pub(crate) struct Doctor {
    /// As JSON
    #[arg(long)]
    json: bool,
    /// Write a file for a bug report instead: the report, versions, state, settings, logs; without secrets [default: in this directory]
    #[arg(long, value_name = "FILE", num_args = 0..=1, conflicts_with = "json")]
    bundle: Option<Option<PathBuf>>,
}

impl Doctor {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let project = context.project()?;
        let report = Report::new(all(&Facts::find(&project)?));
        if let Some(file) = self.bundle {
            if context.dry_run() {
                context.volume().say("a file for a bug report would be written");
                return Ok(());
            }
            let bundle = bundle::write(&project, &report, &program()?, file)?;
            let names = bundle.contents.iter().map(|(name, what)| format!("  {name}: {what}"));
            context.volume().say(format!("in the file are, with {} in place of secrets:", crate::redact::REDACTED));
            context.volume().say(names.collect::<Vec<_>>().join("\n"));
            context.volume().say("look at it before you send it: logs may say more of people than they should");
            product(bundle.file.display().to_string());
            return Ok(());
        }
        product(if self.json { serde_json::to_string_pretty(&report)? } else { report.render() });
        if report.ok() { Ok(()) } else { Err(ExitWith(1).into()) }
    }
}
