//! `top`: processor and memory use, live.

use std::io::IsTerminal as _;

use clap::Args;

use super::Context;
use crate::report::{Failure, Interrupted};
use crate::{commands, start};

/// Show processor, memory and network use of each service, live
#[derive(Args)]
pub(crate) struct Top {
    /// Show it once, as where stdout is no terminal
    #[arg(long)]
    once: bool,
}

impl Top {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let stack = context.stack_on_engine()?;
        let running = start::undo::running(&stack.containers()?);
        if running.is_empty() {
            return Err(Failure::new(format!("{} is not running", stack.project.compose_name()))
                .hint(format!("`cargo xtask up{}` starts it", stack.project.flags()))
                .into());
        }
        let invocation = commands::engine::top(&running);
        // What is drawn again and again is of no use in a file.
        if self.once || !std::io::stdout().is_terminal() {
            return context.hand_over(&invocation.arg("--no-stream"));
        }
        match context.hand_over(&invocation) {
            // There is no other way to end it.
            Err(error) if error.is::<Interrupted>() => Ok(()),
            outcome => outcome,
        }
    }
}
