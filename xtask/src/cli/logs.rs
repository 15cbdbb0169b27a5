//! `logs`: what the services say, in one stream.

use std::io::IsTerminal as _;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use clap::Args;

use super::Context;
use crate::commands;
use crate::engine::containers::Container;
use crate::logs::{self, Begin, Filter, Grep, Level, Renderer};
use crate::process::Stream;
use crate::report::{self, Failure};
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
        let mut renderer = Renderer::new(&project, std::io::stdout().is_terminal());
        containers.iter().for_each(|container| renderer.expect(container.name()));
        if self.follow { follow(&project, &self.services, begin, filter, renderer) } else { read(&containers, &begin, filter, renderer) }
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

fn follow(project: &str, services: &[String], begin: Begin, mut filter: Filter, mut renderer: Renderer) -> anyhow::Result<()> {
    let handle = logs::follow(project, services, begin, move |lines| {
        let mut out = String::new();
        for line in lines.iter().filter(|line| filter.keeps(&line.container, &line.text)) {
            renderer.line(&line.origin(), &line.text, &mut out);
        }
        if out.is_empty() { ControlFlow::Continue(()) } else { report::lines(&out) }
    })?;
    interrupt::listen(handle.stopper());
    handle.wait()
}

fn read(containers: &[Container], begin: &Begin, mut filter: Filter, mut renderer: Renderer) -> anyhow::Result<()> {
    let children: Arc<Mutex<Vec<Stream>>> = Arc::default();
    interrupt::listen({
        let children = children.clone();
        move || children.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(Stream::kill)
    });
    let mut out = String::new();
    let started = |stream| children.lock().unwrap_or_else(PoisonError::into_inner).push(stream);
    logs::read(containers, begin, started, |_, origin, text| {
        if filter.keeps(&origin.container, text) {
            renderer.line(origin, text, &mut out);
        }
        if out.len() < BLOCK {
            return ControlFlow::Continue(());
        }
        let flow = report::lines(&out);
        out.clear();
        flow
    })?;
    // A closed pipe is no failure: whoever read has enough.
    let _ = report::lines(&out);
    Ok(())
}
