//! `top`: processor and memory use, live.

use clap::Args;

use super::Context;
use crate::report::Failure;
use crate::{commands, start};

/// Show processor, memory and network use of each service, live
#[derive(Args)]
pub(crate) struct Top {
    /// Show it once
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
        let mut invocation = commands::engine::top(&running);
        if self.once {
            invocation = invocation.arg("--no-stream");
        }
        context.hand_over(&invocation)
    }
}
