//! `guard`: what a start leaves behind, in the foreground.

use clap::Args;

use super::{Context, program};
use crate::guard;
use crate::lock::Lock;
use crate::process::Invocation;
use crate::report::product;
use crate::stack::Stack;

/// Restart services that hang, until the stack is stopped; `up` leaves one behind, and so does `dev --keep`
#[derive(Args)]
pub(crate) struct Guard {}

impl Guard {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let stack = context.stack_on_engine()?;
        if context.dry_run() {
            product(command(&stack)?.to_string());
            return Ok(());
        }
        guard::run(&stack.project, context.volume())
    }
}

/// Leaves a guard behind, where the environment wants one and there is none.
///
/// # Errors
/// When it cannot be started.
pub(super) fn leave(context: &Context, stack: &Stack) -> anyhow::Result<()> {
    if context.dry_run() || !stack.environment.guard.enabled {
        return Ok(());
    }
    guard::end_stopped(&stack.project);
    if Lock::is_guarded(&stack.project) {
        return Ok(());
    }
    let log = stack.project.root.join("target").join(format!("{}.guard.log", stack.project.compose_name()));
    // It goes on when we end.
    command(stack)?.detach(&log).map(drop)
}

fn command(stack: &Stack) -> anyhow::Result<Invocation> {
    let project = &stack.project;
    Ok(Invocation::new(program()?).args(["guard", "--env", &project.environment, "--instance", &project.instance]).dir(&project.root))
}
