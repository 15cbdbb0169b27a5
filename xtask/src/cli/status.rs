//! `status`: every service with its health, on one screen.

mod watch;

use std::io::IsTerminal as _;

use clap::Args;

use super::Context;
use crate::logs::Stamp;
use crate::report::product;
use crate::status::{Report, View, render};

/// Show each service: state, health, last check, restarts and why, processor and memory use, and what to do about those that are not well
#[derive(Args)]
pub(crate) struct Status {
    /// As JSON; with `--watch` a line for each change
    #[arg(long)]
    json: bool,
    /// Show it until Ctrl-C, and each change at once
    #[arg(long, short)]
    watch: bool,
}

impl Status {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let mut view = View::new(context.stack()?, context.volume())?;
        if self.watch {
            return watch::watch(view, self.json);
        }
        view.measure()?;
        let report = view.report();
        product(if self.json { serde_json::to_string_pretty(&report)? } else { page(&report).join("\n") });
        Ok(())
    }
}

/// The lines about `report`, as wide as the terminal; whoever else reads them gets everything.
fn page(report: &Report) -> Vec<String> {
    let size = std::io::stdout().is_terminal().then(terminal_size::terminal_size).flatten();
    render(report, size.map_or(usize::MAX, |(width, _)| usize::from(width.0)), Stamp::now())
}
