//! `logs`: what the services say, in one stream.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;

use super::Context;
use crate::commands;
use crate::engine::containers::Container;
use crate::logs::{self, Begin, Clock, Filter, Form, Grep, Level, Line, Renderer, Unread};
use crate::process::Stream;
use crate::report::{Failure, Volume};
use crate::stack::Stack;
use crate::{interrupt, report::product};

/// How many bytes of output are written at once.
const BLOCK: usize = 1 << 16;

/// Show the logs of services in one stream
#[derive(Args)]
pub(crate) struct Logs {
    /// The services [default: all]
    services: Vec<String>,
    /// Go on with what comes, also from containers that are restarted or replaced
    #[arg(long, short)]
    follow: bool,
    /// Lines from the end for each container
    #[arg(long, value_name = "N")]
    tail: Option<u32>,
    /// From this time on: `10m`, `2h`, or RFC 3339
    #[arg(long, value_name = "T")]
    since: Option<String>,
    /// Only lines whose text matches this regular expression
    #[arg(long, value_name = "RE")]
    grep: Option<String>,
    /// Only lines of this level (trace, debug, info, warn, error) and more severe ones; those that name none count as info
    #[arg(long, value_name = "L", hide_possible_values = true)]
    level: Option<Level>,
    /// Each line as its service wrote it, also on a terminal and with its colours
    #[arg(long)]
    raw: bool,
}

impl Logs {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let filter = Filter::new(self.grep.as_deref().map(Grep::new).transpose()?, self.level);
        self.since.as_deref().map_or(Ok(()), logs::since::check)?;
        let stack = context.stack_on_engine()?;
        let mut containers = stack.containers()?;
        self.check(&stack, &containers)?;
        containers.retain(|container| self.services.is_empty() || self.services.iter().any(|name| name == container.service()));
        let begin = Begin::Before { tail: self.tail, since: self.since.clone() };
        if context.dry_run() {
            let options = commands::engine::LogOptions { follow: self.follow, ..begin.options() };
            containers.iter().for_each(|container| product(commands::engine::logs(container.name(), &options).to_string()));
            return Ok(());
        }
        let project = stack.project.compose_name();
        let mut renderer = Renderer::new(&project, Form::for_stdout(self.raw), Clock::local());
        containers.iter().for_each(|container| renderer.expect(container.name()));
        if self.follow {
            return follow(&project, &self.services, begin, filter, renderer, context.volume());
        }
        let missing = read(&containers, &begin, filter, renderer)?;
        if missing.len() == containers.len()
            && let Some(first) = missing.first()
        {
            return Err(Failure::new(first.to_string()).hint(first.instead()).into());
        }
        missing.iter().for_each(|unread| context.volume().say(unread.warning()));
        Ok(())
    }

    /// Refuses what has no log.
    fn check(&self, stack: &Stack, containers: &[Container]) -> Result<(), Failure> {
        let start = format!("`cargo xtask up{}` starts the stack", stack.project.flags());
        if containers.is_empty() && self.services.is_empty() {
            return Err(Failure::new(format!("{} has no containers, so there are no logs", stack.project.compose_name())).hint(start));
        }
        let Some(service) = self.services.iter().find(|name| !containers.iter().any(|container| container.service() == *name)) else {
            return Ok(());
        };
        let there: Vec<&str> = containers.iter().map(|container| container.service()).collect();
        let hint = if there.is_empty() { start } else { format!("services with logs: {}", there.join(", ")) };
        Err(Failure::new(format!("`{service}` has no container, so there are no logs")).hint(hint))
    }
}

fn follow(
    project: &str,
    services: &[String],
    begin: Begin,
    mut filter: Filter,
    mut renderer: Renderer,
    volume: Volume,
) -> anyhow::Result<()> {
    let send = move |lines: Vec<Line>| {
        let mut out = Vec::new();
        for line in lines.iter().filter(|line| filter.keeps(&line.container, &line.text)) {
            renderer.line(line.at, &line.origin(), &line.text, &mut out);
        }
        if out.is_empty() { ControlFlow::Continue(()) } else { renderer.print(&out) }
    };
    let handle = logs::follow(project, services, begin, send, move |unread| volume.say(unread.warning()))?;
    interrupt::listen(handle.stopper());
    handle.wait()
}

fn read(containers: &[Container], begin: &Begin, mut filter: Filter, mut renderer: Renderer) -> anyhow::Result<Vec<Unread>> {
    let children: Arc<Mutex<Vec<Stream>>> = Arc::default();
    interrupt::listen({
        let children = children.clone();
        move || children.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(Stream::kill)
    });
    let mut out = Vec::new();
    let started = |stream| children.lock().unwrap_or_else(PoisonError::into_inner).push(stream);
    let missing = logs::read(containers, begin, started, |at, origin, text| {
        if filter.keeps(&origin.container, text) {
            renderer.line(at, origin, text, &mut out);
        }
        if out.len() < BLOCK {
            return ControlFlow::Continue(());
        }
        let flow = renderer.print(&out);
        out.clear();
        flow
    });
    // What was read is shown, also where one log broke off. A closed pipe is no failure.
    let _ = renderer.print(&out);
    missing
}
