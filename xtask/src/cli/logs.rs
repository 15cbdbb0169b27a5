//! `logs`: what the services say, in one stream.

use clap::Args;

use super::Context;
use crate::commands::compose::LogOptions;
use crate::report::Failure;
use crate::{interrupt, logs};

/// Show the logs of services in one stream
#[derive(Args)]
pub(crate) struct Logs {
    /// The services [default: all]
    services: Vec<String>,
    /// Go on with what comes
    #[arg(long, short)]
    follow: bool,
    /// Lines from the end for each service
    #[arg(long, value_name = "N")]
    tail: Option<u32>,
    /// From this time on: `10m`, `2h`, or RFC 3339
    #[arg(long, value_name = "T")]
    since: Option<String>,
    /// Only lines that match this regular expression
    #[arg(long, value_name = "RE")]
    grep: Option<String>,
}

impl Logs {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let grep = self.grep.as_deref().map(regex_lite::Regex::new).transpose();
        let grep = grep.map_err(|error| {
            Failure::new(format!("`--grep {}` is not a regular expression: {error}", self.grep.as_deref().unwrap_or_default()))
                .hint(r"write `\` before a character that is meant as itself, for example `\(`")
        })?;
        let stack = context.stack_on_engine()?;
        let containers = stack.containers()?;
        if containers.is_empty() && self.services.is_empty() {
            return Err(Failure::new(format!("{} has no containers, so there are no logs", stack.project.compose_name()))
                .hint(format!("`cargo xtask up{}` starts the stack", stack.project.flags()))
                .into());
        }
        if let Some(service) = self.services.iter().find(|name| !containers.iter().any(|container| container.service() == *name)) {
            let there: Vec<&str> = containers.iter().map(|container| container.service()).collect();
            let failure = Failure::new(format!("`{service}` has no container, so there are no logs"));
            let hint = if there.is_empty() {
                format!("`cargo xtask up{}` starts the stack", stack.project.flags())
            } else {
                format!("services with logs: {}", there.join(", "))
            };
            return Err(failure.hint(hint).into());
        }
        let options = LogOptions { follow: self.follow, tail: self.tail.map(|tail| tail.to_string()), since: self.since };
        let invocation = stack.compose.logs(&self.services, &options);
        if context.dry_run() {
            crate::report::product(invocation.to_string());
            return Ok(());
        }
        let stream = invocation.stream()?;
        interrupt::listen({
            let stream = stream.clone();
            move || stream.kill()
        });
        logs::print(stream, &logs::Filter { grep })
    }
}
