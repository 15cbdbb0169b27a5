//! `env`: which environments there are, what they say, and how they differ.

mod check;
mod diff;
mod list;
mod new;
mod show;

use clap::{Args, Subcommand};

use super::Context;

/// Show, compare, check and make environments
#[derive(Args)]
pub(crate) struct Env {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    List(list::List),
    Show(show::Show),
    Diff(diff::Diff),
    Check(check::Check),
    New(new::New),
}

impl Env {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self.command {
            Command::List(command) => command.run(context),
            Command::Show(command) => command.run(context),
            Command::Diff(command) => command.run(context),
            Command::Check(command) => command.run(context),
            Command::New(command) => command.run(context),
        }
    }
}

/// `value` as JSON.
fn json(value: &toml::Value) -> anyhow::Result<serde_json::Value> {
    Ok(serde_json::to_value(value)?)
}
