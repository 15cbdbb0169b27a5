//! `secrets`: what is in `infra/secrets/<environment>/`; values are never shown.

mod init;
mod list;
mod rotate;
pub(super) mod told;

use clap::{Args, Subcommand};

use super::Context;
use crate::data::agent;
use crate::stack::Stack;

/// Make, list and replace the secrets of an environment
#[derive(Args)]
pub(crate) struct Secrets {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Init(init::Init),
    List(list::List),
    Rotate(rotate::Rotate),
}

impl Secrets {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self.command {
            Command::Init(command) => command.run(context),
            Command::List(command) => command.run(context),
            Command::Rotate(command) => command.run(context),
        }
    }
}

/// The stack with all that has secrets in it: that of a repository of backups is of a service that no environment has on.
fn with_all(stack: Stack) -> anyhow::Result<Stack> {
    if stack.environment.backup.repository.is_on() { agent::with_service(stack) } else { Ok(stack) }
}
