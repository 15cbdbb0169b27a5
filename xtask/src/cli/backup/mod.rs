//! `backup`: copies of all data that outlive the stack.

mod create;
pub(super) mod drill;
mod list;
mod prune;
mod session;
mod show;
mod verify;

use clap::{Args, Subcommand};

pub(super) use self::session::{Session, recover};
use super::Context;

/// Make a backup of all data, or list, show, verify and remove backups
#[derive(Args, Default)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Backup {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    create: create::Create,
}

#[derive(Subcommand)]
enum Action {
    Create(create::Create),
    List(list::List),
    Show(show::Show),
    Verify(verify::Verify),
    Prune(prune::Prune),
}

impl Backup {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self.action.unwrap_or(Action::Create(self.create)) {
            Action::Create(create) => create.run(context),
            Action::List(list) => list.run(context),
            Action::Show(show) => show.run(context),
            Action::Verify(verify) => verify.run(context),
            Action::Prune(prune) => prune.run(context),
        }
    }
}
