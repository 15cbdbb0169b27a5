//! `dev`: the stack in the foreground, with its logs.

use clap::Args;

use super::Context;
use super::expose::ExposeArgs;
use super::guard;
use super::up::{Builds, StartArgs, bring_up, build};
use crate::develop::run::{self, Desk};
use crate::lock::Lock;
use crate::logs::{Begin, Clock, Form, Line, Renderer, Stamp};
use crate::report::{Style, Volume, paint, product};
use crate::stack::{Resolved, Stack};
use crate::{interrupt, logs};

/// Build and start everything, bring each edit to where it is used, stream the logs; Ctrl-C stops what it started
#[derive(Args)]
pub(crate) struct Dev {
    #[command(flatten)]
    start: StartArgs,
    #[command(flatten)]
    expose: ExposeArgs,
    /// Leave the stack running at the end
    #[arg(long)]
    keep: bool,
    /// Compare files again and again, where the system tells nothing of their changes (network drives)
    #[arg(long)]
    poll: bool,
    /// Each log line as its service wrote it, also on a terminal
    #[arg(long)]
    raw: bool,
}

impl Dev {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let stack = self.expose.apply(context.stack()?)?;
        let ran_before = !crate::start::undo::running(&stack.containers().unwrap_or_default()).is_empty();
        if context.dry_run() {
            return bring_up(context, &stack, Builds::All, self.start).map(drop);
        }
        let attached = Lock::attach(&stack.project)?;
        // What is edited during the start is not forgotten.
        let watching = run::watch(&stack.project.root, self.poll)?;
        let resolved = bring_up(context, &stack, Builds::All, self.start)?;
        let keep = self.keep || ran_before;
        banner(context.volume(), &stack, &resolved, keep);
        self.expose.say(context.volume(), &stack, &resolved);
        product(resolved.address.url());
        if resolved.model.develop.is_some() {
            let again = |services: &[String]| self.again(context, services);
            run::run(Desk {
                volume: context.volume(),
                stack: stack.clone(),
                resolved,
                watching,
                again: &again,
                form: Form::for_stdout(self.raw),
            })?;
        } else {
            drop(watching);
            stream(context.volume(), &stack, Form::for_stdout(self.raw))?;
        }
        if keep {
            drop(attached);
            guard::leave(context, &stack)?;
            context.volume().say(format!("the stack goes on running; `cargo xtask down{}` stops it", stack.project.flags()));
            return Ok(());
        }
        context.volume().say("stopping");
        context.perform(&stack.compose.stop(&[]))
    }

    /// Brings the stack to what its files say now, with new images of `services`.
    fn again(&self, context: &Context, services: &[String]) -> anyhow::Result<(Stack, Resolved)> {
        let stack = self.expose.apply(Stack::load(context.project()?)?)?;
        if !services.is_empty() {
            build(context, &stack.resolve()?, services)?;
        }
        // The builder is at work for the loop.
        let resolved = bring_up(context, &stack, Builds::Missing, self.start.keeping_the_builder())?;
        Ok((stack, resolved))
    }
}

fn banner(volume: Volume, stack: &Stack, resolved: &Resolved, keep: bool) {
    let flags = stack.project.flags();
    resolved.address.note().iter().for_each(|note| volume.say(note));
    let hint = format!("status: cargo xtask status{flags}   Ctrl-C {}", if keep { "ends the logs" } else { "stops the stack" });
    volume.say(format!("{}  {}", paint(Style::Good, "Slipway is up"), paint(Style::Faint, &hint)));
}

/// Prints log lines until somebody asks to stop.
fn stream(volume: Volume, stack: &Stack, form: Form) -> anyhow::Result<()> {
    let project = stack.project.compose_name();
    let mut renderer = Renderer::new(&project, form, Clock::local());
    let send = move |lines: Vec<Line>| {
        let mut out = Vec::new();
        lines.iter().for_each(|line| renderer.line(line.at, &line.origin(), &line.text, &mut out));
        renderer.print(&out)
    };
    let handle = logs::follow(&project, &[], Begin::At(Stamp::now()), send, move |unread| volume.say(unread.warning()))?;
    interrupt::listen(handle.stopper());
    handle.wait()?;
    interrupt::clear();
    Ok(())
}
