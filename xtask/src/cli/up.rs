//! `up`: the stack in the background.

mod refuse;

use std::collections::BTreeSet;
use std::time::Duration;

use clap::Args;

use super::backup::recover;
use super::expose::ExposeArgs;
use super::{Context, guard, images};
use crate::commands;
use crate::data::metrics;
use crate::engine::containers::Container;
use crate::health;
use crate::images::tag::Source;
use crate::interrupt;
use crate::ports;
use crate::process::last_lines;
use crate::report::{Failure, product};
use crate::secrets;
use crate::stack::{Resolved, Stack, has_data};
use crate::start::machine::Startup;
use crate::start::run::{self, Options};

/// Start the stack in the background and wait until every service is ready
#[derive(Args)]
pub(crate) struct Up {
    #[command(flatten)]
    start: StartArgs,
    #[command(flatten)]
    expose: ExposeArgs,
    /// Build the images first, also those that are there
    #[arg(long)]
    build: bool,
}

/// Flags of every command that starts services.
#[derive(Args, Clone, Copy)]
pub(crate) struct StartArgs {
    /// Give up after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = Self::default().timeout)]
    timeout: u64,
    /// Leave the builder alone if it runs: somebody has it build what was edited.
    #[arg(skip)]
    keep_builder: bool,
}

impl StartArgs {
    /// The same, for a stack whose builder is at work.
    pub(crate) fn keeping_the_builder(self) -> Self {
        Self { keep_builder: true, ..self }
    }
}

impl Default for StartArgs {
    fn default() -> Self {
        Self { timeout: 120, keep_builder: false }
    }
}

/// Which images a start builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Builds {
    /// Those that are not there.
    Missing,
    /// All that the stack uses; unchanged ones come from the cache.
    All,
}

impl Up {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let stack = self.expose.apply(context.stack()?)?;
        context.agree(&stack, "Start or update")?;
        let resolved = bring_up(context, &stack, if self.build { Builds::All } else { Builds::Missing }, self.start)?;
        guard::leave(context, &stack)?;
        if !context.dry_run() {
            context.volume().say(format!("{} answers at {}", stack.project.compose_name(), resolved.address));
            self.expose.say(context.volume(), &stack, &resolved);
            product(resolved.address.url());
        }
        Ok(())
    }
}

/// Builds what has to be built and starts every service of `stack`.
///
/// # Errors
/// When a build or a service fails.
pub(crate) fn bring_up(context: &Context, stack: &Stack, builds: Builds, start: StartArgs) -> anyhow::Result<Resolved> {
    recover(context, stack)?;
    let _lock = context.lock(stack)?;
    let mut resolved = stack.resolve()?;
    ports::published::check(&resolved.model, &resolved.containers)?;
    let services = match builds {
        Builds::Missing => resolved.missing_builds(),
        Builds::All => resolved.model.builds().into_values().map(str::to_owned).collect(),
    };
    // Nothing is built under a tag that somebody else gave.
    let fetches = matches!(stack.source, Source::Pinned(_)) && builds == Builds::Missing;
    if fetches {
        images::check_fetchable(stack, &resolved)?;
    } else if !services.is_empty() {
        stack.check_buildable()?;
    }
    refuse::check_domain(stack)?;
    if !context.dry_run() {
        secrets::ensure(&stack.project, &stack.environment, &resolved.model, context.volume(), || has_data(&stack.project))?;
    }
    if fetches {
        images::fetch(context, stack, &resolved)?;
    } else if !services.is_empty() {
        build(context, &resolved, &services)?;
    }
    let missing = resolved.missing_pulls();
    for image in &missing {
        context.perform(&commands::engine::pull(image)).map_err(|error| unreachable_registry(&error, image))?;
    }
    let removed = remove_cut_off(context, &resolved)?;
    let changed = !services.is_empty() || !missing.is_empty() || removed;
    if changed && !context.dry_run() {
        resolved = stack.resolve()?;
    }
    if !context.dry_run() {
        secrets::ensure_certificate(&stack.project, &stack.environment, &resolved.model, context.volume())?;
        refuse::check_contract(stack, &resolved)?;
    }
    let all = resolved.model.services.keys().cloned().collect();
    loop {
        let Err(error) = start_services(context, stack, &resolved, &all, start) else { return Ok(resolved) };
        // Another stack that starts at this moment may have taken the port since it was chosen.
        let again = if interrupt::requested() || !error.is::<Failure>() { return Err(error) } else { stack.resolve()? };
        if again.address.port == resolved.address.port {
            return Err(error);
        }
        context.volume().say(format!("port {} was taken meanwhile, {} is next", resolved.address.port, again.address.port));
        resolved = again;
    }
}

/// Removes containers that somebody took out of a network, so that they are made anew: Compose would leave them as they are. Says whether there was one.
fn remove_cut_off(context: &Context, resolved: &Resolved) -> anyhow::Result<bool> {
    let mut services = Vec::new();
    let mut ids = Vec::new();
    for container in resolved.containers.iter().filter(|container| container.running()) {
        let service = resolved.model.services.get(container.service());
        if let Some(network) = service.and_then(|service| health::cut_off(&resolved.model, service, container)) {
            context
                .volume()
                .say(format!("{} is not connected to the network `{network}`: its container is made anew", container.service()));
            services.push(container.service().to_owned());
            ids.push(container.id.clone());
        }
    }
    if ids.is_empty() {
        return Ok(false);
    }
    context.perform(&resolved.compose.stop(&services))?;
    context.perform(&commands::engine::remove(&ids))?;
    Ok(true)
}

/// Builds the images of `services`.
///
/// # Errors
/// When a build fails.
pub(crate) fn build(context: &Context, resolved: &Resolved, services: &[String]) -> anyhow::Result<()> {
    if !context.dry_run() {
        context.volume().say(format!("building {}", services.join(", ")));
    }
    context.perform(&resolved.compose.build(services)).map_err(|error| match error.downcast::<Failure>() {
        Ok(failure) if !resolved.missing_bases.is_empty() => {
            let missing = resolved.missing_bases.join(", ");
            failure
                .hint(format!(
                    "base images that are not here: {missing}; where no image registry is reachable, `cargo xtask setup` builds them"
                ))
                .into()
        }
        Ok(failure) => failure.into(),
        Err(error) => error,
    })
}

fn unreachable_registry(error: &anyhow::Error, image: &str) -> anyhow::Error {
    Failure::new(format!("the image `{image}` is not here and cannot be pulled"))
        .detail(error.to_string().lines().last().unwrap_or_default().trim())
        .hint("where no image registry is reachable, `cargo xtask setup` builds the base images")
        .into()
}

/// Starts `services` and what they need; says nothing happened when all is ready already.
///
/// # Errors
/// When one of them cannot start.
pub(crate) fn start_services(
    context: &Context,
    stack: &Stack,
    resolved: &Resolved,
    services: &BTreeSet<String>,
    start: StartArgs,
) -> anyhow::Result<()> {
    if resolved.up_to_date() && Startup::new(&resolved.model, services, &resolved.containers).complete() {
        context.volume().say("everything is running already");
        return Ok(());
    }
    if context.dry_run() {
        for line in dry_run(stack, resolved, services) {
            product(line);
        }
        return Ok(());
    }
    let limit = Duration::from_secs(start.timeout);
    // A container that runs but answers no longer is stopped first: it would never become healthy by waiting. So is the builder, whose programs are those
    // of the sources at its start: what failed before may have been mended since.
    let builder = resolved.model.develop.as_ref().filter(|_| !start.keep_builder).map(|develop| develop.builder.as_str());
    let anew = |container: &&Container| container.health() == Some("unhealthy") || Some(container.service()) == builder;
    let anew: Vec<String> =
        resolved.containers.iter().filter(|container| container.running()).filter(anew).map(|container| container.id.clone()).collect();
    if !anew.is_empty() {
        commands::engine::stop(&anew).read()?;
    }
    metrics::prepare(stack, &resolved.model)?;
    run_one_shots(context, stack, resolved)?;
    run::start(stack, resolved, services, Options { limit, volume: context.volume() })
}

/// Runs one-shots whose image or configuration is new before Compose replaces anything that runs: where one of them fails, as a migration may, the
/// old version goes on serving (R6.2). The start runs them once more, which does nothing.
fn run_one_shots(context: &Context, stack: &Stack, resolved: &Resolved) -> anyhow::Result<()> {
    let serving =
        |service: &str| resolved.containers.iter().any(|container| container.service() == service && container.health() == Some("healthy"));
    let current = |service: &str| resolved.containers.iter().any(|container| container.service() == service && resolved.current(container));
    if !resolved.containers.iter().any(|container| container.running() && !resolved.current(container)) {
        return Ok(());
    }
    for (name, service) in &resolved.model.services {
        if !resolved.model.one_shot(name) || current(name) || !service.depends_on.keys().all(|need| serving(need) && current(need)) {
            continue;
        }
        context.volume().say(format!("running {name} before anything is replaced"));
        let run = resolved.compose.run(name, &[]);
        let output = run.capture()?;
        if output.code != 0 {
            let log = output.stdout.clone() + &output.stderr;
            let failure = Failure::new(format!(
                "`{name}` failed with exit code {}, so nothing was replaced: what ran before goes on serving",
                output.code
            ));
            return Err(last_lines(&log, 20)
                .into_iter()
                .fold(failure, |failure, line| failure.detail(format!("| {line}")))
                .hint(format!("mend it and run `cargo xtask rebuild{}`", stack.project.flags()))
                .into());
        }
    }
    Ok(())
}

/// The commands of a start in an order in which they could run.
fn dry_run(stack: &Stack, resolved: &Resolved, services: &BTreeSet<String>) -> Vec<String> {
    let mut lines = Vec::new();
    if !resolved.up_to_date() {
        lines.push(resolved.creation().to_string());
    }
    // Compose replaces the others.
    let ready: Vec<Container> = resolved.containers.iter().filter(|container| resolved.current(container)).cloned().collect();
    let mut startup = Startup::new(&resolved.model, services, &ready);
    loop {
        let batch = startup.startable(Duration::ZERO);
        if batch.is_empty() {
            return lines;
        }
        for service in batch {
            lines.push(commands::engine::start(&format!("{}-{service}-1", stack.project.compose_name())).to_string());
            startup.assume_ready(&service);
        }
    }
}
