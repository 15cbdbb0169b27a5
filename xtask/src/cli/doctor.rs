//! `doctor`: what is wrong, and what mends it.

use clap::Args;

use super::Context;
use crate::doctor::{Facts, Report, all};
use crate::report::{ExitWith, product};

/// Check this machine and this checkout: engine, images, disk, memory, port, environment, secrets
#[derive(Args)]
pub(crate) struct Doctor {
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let project = context.project()?;
        let report = Report::new(all(&Facts::find(&project)?));
        product(if self.json { serde_json::to_string_pretty(&report)? } else { report.render() });
        if report.ok() { Ok(()) } else { Err(ExitWith(1).into()) }
    }
}
