//! `shell`: a command inside a service's container.

use std::io::IsTerminal as _;

use clap::Args;

use super::Context;
use crate::commands;
use crate::model::Model;
use crate::report::{ExitWith, Failure};

/// What the engine ends with where the program cannot be run, and where there is none.
const NOT_EXECUTABLE: i32 = 126;
const NOT_FOUND: i32 = 127;

/// Open a shell in a service, or run a command there; `db` opens psql, `redis` opens redis-cli
#[derive(Args)]
pub(crate) struct Shell {
    /// The service
    service: String,
    /// A command instead of the service's shell, after `--`
    #[arg(last = true)]
    command: Vec<String>,
}

impl Shell {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let stack = context.stack_on_engine()?;
        let containers = stack.containers()?;
        let Some(container) = containers.iter().find(|container| container.service() == self.service && container.running()) else {
            let running: Vec<&str> =
                containers.iter().filter(|container| container.running()).map(|container| container.service()).collect();
            let hint = if running.is_empty() {
                format!("`cargo xtask up{}` starts the stack", stack.project.flags())
            } else {
                format!("services that run: {}", running.join(", "))
            };
            return Err(Failure::new(format!("`{}` does not run", self.service)).hint(hint).into());
        };
        let asked = !self.command.is_empty();
        let command = if asked { self.command } else { default_shell(&Model::parse(&stack.compose.model().read()?)?, &self.service) };
        let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
        let outcome = context.hand_over(&commands::engine::exec(container.name(), terminal, &command));
        outcome.inspect_err(|error| {
            let code = error.downcast_ref::<ExitWith>().map(|exit| exit.0);
            if !asked && matches!(code, Some(NOT_EXECUTABLE | NOT_FOUND)) {
                let (service, flags) = (&self.service, stack.project.flags());
                context.volume().say(format!(
                    "hint: the image of `{service}` has no shell: name a program that it has, `cargo xtask shell {service}{flags} -- PROGRAM`"
                ));
            }
        })
    }
}

/// What `x-shell` says for the service, or a plain shell.
fn default_shell(model: &Model, service: &str) -> Vec<String> {
    model.shells.get(service).cloned().unwrap_or_else(|| vec!["/bin/sh".to_owned()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::sample;

    #[test]
    fn a_service_may_name_its_shell() {
        assert_eq!(default_shell(&sample(), "db"), ["psql"]);
        assert_eq!(default_shell(&sample(), "backend"), ["/bin/sh"]);
    }
}
