//! `dev`: the stack in the foreground, with its logs.

use clap::Args;

use super::Context;
use super::up::{Builds, StartArgs, bring_up};
use crate::commands::compose::LogOptions;
use crate::report::{Style, Volume, paint, product};
use crate::stack::{Resolved, Stack};
use crate::{interrupt, logs};

/// Build and start everything, print the URL, stream the logs; Ctrl-C stops what it started
#[derive(Args)]
pub(crate) struct Dev {
    #[command(flatten)]
    start: StartArgs,
    /// Leave the stack running at the end
    #[arg(long)]
    keep: bool,
}

impl Dev {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let stack = context.stack()?;
        let ran_before = !crate::start::undo::running(&stack.containers().unwrap_or_default()).is_empty();
        let resolved = bring_up(context, &stack, Builds::All, self.start)?;
        if context.dry_run() {
            return Ok(());
        }
        let keep = self.keep || ran_before;
        banner(context.volume(), &stack, &resolved, keep);
        product(resolved.address.url());
        stream(&resolved)?;
        if keep {
            context.volume().say(format!("the stack goes on running; `cargo xtask down{}` stops it", stack.project.flags()));
            return Ok(());
        }
        context.volume().say("stopping");
        context.perform(&stack.compose.stop(&[]))
    }
}

fn banner(volume: Volume, stack: &Stack, resolved: &Resolved, keep: bool) {
    let flags = stack.project.flags();
    volume.say(format!(
        "\n  {} {}\n  {}\n",
        paint(Style::Good, "Slipway is up:"),
        resolved.address,
        paint(
            Style::Faint,
            &format!("status: cargo xtask status{flags}   Ctrl-C {}", if keep { "ends the logs" } else { "stops the stack" })
        ),
    ));
}

/// Prints log lines until somebody asks to stop.
fn stream(resolved: &Resolved) -> anyhow::Result<()> {
    let options = LogOptions { follow: true, tail: Some("0".to_owned()), since: None };
    let stream = resolved.compose.logs(&[], &options).stream()?;
    interrupt::listen({
        let stream = stream.clone();
        move || stream.kill()
    });
    logs::print(stream, &logs::Filter::default())?;
    interrupt::clear();
    Ok(())
}
