//! `setup`: makes the machine ready, which `--setup` does before any other command.

use clap::Args;

use super::Context;
use crate::setup::{self, Options, Scope};

/// Make the machine ready: install and start the engine, get base images, make secrets
#[derive(Args)]
pub(crate) struct Setup {
    /// Only the engine: the part that needs root
    #[arg(long)]
    engine: bool,
}

impl Setup {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let scope = if self.engine { Scope::Engine } else { Scope::All };
        let options = Options { scope, dry_run: context.dry_run(), volume: context.volume() };
        let busy = setup::run(&context.project()?, options)?;
        if !context.dry_run() || !busy {
            context.volume().say("this machine is ready");
        }
        Ok(())
    }
}
