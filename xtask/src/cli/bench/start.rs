//! `bench start`: `up` and `down` beside plain Compose.

use std::time::{Duration, Instant};

use clap::Args;

use crate::bench::{Row, render};
use crate::cli::up::{Builds, StartArgs, bring_up};
use crate::cli::{Context, program};
use crate::commands::compose::Volumes;
use crate::interrupt;
use crate::process::Invocation;
use crate::report::{Interrupted, product};
use crate::stack::Stack;

/// Measure `up` and `down` in turn with plain `docker compose` on the same files and images
#[derive(Args)]
pub(super) struct Start {
    /// How often
    #[arg(long, default_value_t = 5)]
    rounds: u32,
}

impl Start {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        start(context, self.rounds)
    }
}

/// From nothing, again while it runs, down, and up again on existing data: ours and plain Compose in turn.
fn start(context: &Context, rounds: u32) -> anyhow::Result<()> {
    let stack = context.stack_on_engine()?;
    let program = program()?;
    let resolved = bring_up(context, &stack, Builds::All, StartArgs::default())?;
    if context.dry_run() {
        return Ok(());
    }
    context.remove_all(&stack)?;
    let mut rows = ["up from nothing", "up while it runs", "down", "up on existing data"]
        .map(|action| Row { action: action.to_owned(), ..Row::default() });
    for round in 1..=rounds {
        context.volume().say(format!("round {round} of {rounds}"));
        let ours = measure(context, &stack, &xtask(&program, &stack, &["up"]), &xtask(&program, &stack, &["down"]))?;
        let plain = measure(context, &stack, &resolved.compose.up_wait(), &resolved.compose.down(Volumes::Keep))?;
        for ((row, ours), theirs) in rows.iter_mut().zip(ours).zip(plain) {
            row.ours.push(ours);
            row.theirs.push(theirs);
        }
    }
    product(render("COMPOSE", &rows));
    Ok(())
}

fn measure(context: &Context, stack: &Stack, up: &Invocation, down: &Invocation) -> anyhow::Result<[Duration; 4]> {
    let measured = (|| Ok([timed(up)?, timed(up)?, timed(down)?, timed(up)?]))();
    interrupt::clear();
    // Nothing is left for the next one to find, also when this one failed.
    context.remove_all(stack)?;
    measured.map_err(|error: anyhow::Error| error.context(format!("{} could not be measured", stack.project.compose_name())))
}

/// How long a command takes that succeeds.
pub(super) fn timed(invocation: &Invocation) -> anyhow::Result<Duration> {
    let begin = Instant::now();
    let output = invocation.capture()?;
    match output.code {
        0 => Ok(begin.elapsed()),
        _ if interrupt::requested() => Err(Interrupted.into()),
        _ => Err(invocation.failed(&output).into()),
    }
}

/// A command of this program, without what cargo adds in front.
pub(super) fn xtask(program: &str, stack: &Stack, command: &[&str]) -> Invocation {
    let project = &stack.project;
    let flags = ["--env", &project.environment, "--instance", &project.instance];
    Invocation::new(program).args(flags).args(command.iter().copied()).dir(&project.root)
}
