//! `down`: nothing of the stack is left running.

use clap::Args;

use super::Context;
use crate::commands::compose::Volumes;

/// Stop the stack and remove its containers and networks; data stays
#[derive(Args)]
pub(crate) struct Down {}

impl Down {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let stack = context.stack_on_engine()?;
        context.agree(&stack, "Stop")?;
        let _lock = context.lock(&stack)?;
        // Refuses where the containers are another checkout's.
        let containers = stack.containers()?;
        if containers.is_empty() {
            context.volume().say(format!("{} is not running", stack.project.compose_name()));
        }
        context.perform(&stack.compose.down(Volumes::Keep))?;
        if !containers.is_empty() && !context.dry_run() {
            context.volume().say(format!("removed the containers and networks of {}; data stays", stack.project.compose_name()));
        }
        Ok(())
    }
}
