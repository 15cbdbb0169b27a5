//! `up`: the stack in the background.

pub(super) mod refuse;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::time::Duration;

use clap::Args;

use super::backup::recover;
use super::expose::ExposeArgs;
use super::secrets::told;
use super::{Context, guard, images};
use crate::commands;
use crate::data::metrics;
use crate::engine::containers::{self, Container};
use crate::health;
use crate::images::tag::Source;
use crate::interrupt;
use crate::lock::Lock;
use crate::ports;
use crate::process::last_lines;
use crate::report::{Failure, Style, paint, product};
use crate::secrets;
use crate::stack::{Resolved, Stack, has_data, volumes};
use crate::start::machine::{Entry, Phase, Startup};
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
    /// The same; where `dev` is attached to `stack`, it has the builder at work.
    pub(crate) fn beside_dev(self, stack: &Stack) -> Self {
        if Lock::is_attached(&stack.project) { self.keeping_the_builder() } else { self }
    }

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
        let resolved = bring_up(context, &stack, if self.build { Builds::All } else { Builds::Missing }, self.start.beside_dev(&stack))?;
        guard::leave(context, &stack)?;
        if !context.dry_run() {
            resolved.address.note().iter().for_each(|note| context.volume().say(note));
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
    refuse::check_conditions(&resolved)?;
    refuse::check_attributes(stack, &resolved)?;
    // A volume that a container has mounted cannot be removed, and none is made where all containers are there.
    let complete = resolved.model.services.keys().all(|service| containers::of(&resolved.containers, service).next().is_some());
    if !complete {
        check_volumes(context, stack, &resolved)?;
    }
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
    let removed = remove_cut_off(context, &resolved)? | remove_orphans(context, &resolved)?;
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
        let Err(error) = start_services(context, stack, &resolved, &all, start) else {
            if !complete && !context.dry_run() {
                volumes::remember(&stack.project)?;
            }
            return Ok(resolved);
        };
        // Another stack that starts at this moment may have taken the port since it was chosen.
        let again = if interrupt::requested() || !error.is::<Failure>() { return Err(error) } else { stack.resolve()? };
        if again.address.port == resolved.address.port {
            return Err(error);
        }
        context.volume().say(format!("port {} was taken meanwhile, {} is next", resolved.address.port, again.address.port));
        resolved = again;
    }
}

/// Names the volumes that were removed since the last start. In an environment whose secrets are generated the start goes on and makes empty ones;
/// elsewhere it is refused.
fn check_volumes(context: &Context, stack: &Stack, resolved: &Resolved) -> anyhow::Result<()> {
    let used = resolved.model.volumes.values().map(|volume| volume.name.as_str()).collect();
    let gone = volumes::gone(&stack.project, &used)?.join(", ");
    let flags = stack.project.flags();
    let what = format!("removed since the last start, with their data: {gone}");
    let restore = format!("`cargo xtask restore{flags}` brings back the newest backup");
    if !gone.is_empty() && stack.environment.secrets.generate {
        context.volume().say(format!("{} {what}; they begin empty, and {restore}", paint(Style::Warning, "warning:")));
    } else if !gone.is_empty() {
        let record = volumes::path(&stack.project);
        let record = record.strip_prefix(&stack.project.root).unwrap_or(&record).display();
        let begin = format!("where they may begin empty: remove {record}, then run the same command");
        return Err(Failure::new(what).detail("nothing was changed").hint(restore).hint(begin).into());
    }
    Ok(())
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

/// Removes the containers of services that the compose files have no more, in no profile; their volumes stay. Says whether there was one.
fn remove_orphans(context: &Context, resolved: &Resolved) -> anyhow::Result<bool> {
    let strangers = resolved.strangers();
    if strangers.is_empty() {
        return Ok(false);
    }
    let known = resolved.compose.services().read()?;
    let orphans: Vec<&Container> =
        strangers.into_iter().filter(|container| known.lines().all(|name| name != container.service())).collect();
    if orphans.is_empty() {
        return Ok(false);
    }
    let ids: Vec<String> = orphans.iter().map(|container| container.id.clone()).collect();
    context.perform(&commands::engine::stop(&ids))?;
    context.perform(&commands::engine::remove(&ids))?;
    if !context.dry_run() {
        let names: BTreeSet<&str> = orphans.iter().map(|container| container.service()).collect();
        let names: Vec<&str> = names.into_iter().collect();
        context.volume().say(format!("removed the containers of {}: no compose file has such a service; volumes stay", names.join(", ")));
    }
    Ok(true)
}

/// Builds the images of `services`.
///
/// # Errors
/// When a build fails.
pub(crate) fn build(context: &Context, resolved: &Resolved, services: &[String]) -> anyhow::Result<()> {
    context.perform_as(&resolved.compose.build(services), &format!("building {}", services.join(", "))).map_err(|error| {
        match error.downcast::<Failure>() {
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
        }
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
    let mut resolved = unpaused(context, stack, resolved, services)?;
    if !context.dry_run() && catch_up_on_secrets(context, stack, &resolved, start)? {
        resolved.to_mut().containers = stack.containers()?;
    }
    let resolved: &Resolved = &resolved;
    let startup = Startup::new(&resolved.model, services, &resolved.containers, &BTreeSet::new());
    if resolved.creation(services).is_none() && startup.nothing_to_do() {
        context.volume().say("everything is running already");
        return Ok(());
    }
    if context.dry_run() {
        for line in dry_run(stack, resolved, services) {
            product(line);
        }
        return Ok(());
    }
    let programs = if start.keep_builder { Programs::default() } else { Programs::of(resolved, &startup) };
    // What runs and would not become ready by waiting is stopped first, and starts with the others.
    let outdated = resolved.outdated();
    let restarted = resolved.model.restarted_with(&outdated);
    let stopped_first = |container: &&Container| {
        let service = container.service();
        let wanted = container.health() == Some("unhealthy") || programs.builder.as_deref() == Some(service) || restarted.contains(service);
        container.running() && wanted && startup.knows(service, &container.id)
    };
    let stopped_first: Vec<String> = resolved.containers.iter().filter(stopped_first).map(|container| container.id.clone()).collect();
    if !stopped_first.is_empty() {
        commands::engine::stop(&stopped_first).read()?;
    }
    metrics::prepare(stack, &resolved.model)?;
    run_one_shots(context, stack, resolved)?;
    let options = Options { limit: Duration::from_secs(start.timeout), volume: context.volume(), again: programs.tasks };
    run::start(stack, resolved, services, options)
}

/// Tells services of secrets that they keep and have not heard of, and starts them for that. Says whether it started one.
fn catch_up_on_secrets(context: &Context, stack: &Stack, resolved: &Resolved, start: StartArgs) -> anyhow::Result<bool> {
    let mut started = false;
    told::catch_up(context, stack, resolved, |service| {
        if containers::of(&resolved.containers, service).any(Container::running) {
            return Ok(());
        }
        started = true;
        let options = Options { limit: Duration::from_secs(start.timeout), volume: context.volume(), again: BTreeSet::new() };
        run::start(stack, resolved, &BTreeSet::from([service.to_owned()]), options)
    })?;
    Ok(started)
}

/// Lets what is paused of `services` go on: the engine starts no container that is.
fn unpaused<'a>(
    context: &Context,
    stack: &Stack,
    resolved: &'a Resolved,
    services: &BTreeSet<String>,
) -> anyhow::Result<Cow<'a, Resolved>> {
    let paused = |container: &&Container| container.state.status == "paused" && services.contains(container.service());
    let ids: Vec<String> = resolved.containers.iter().filter(paused).map(|container| container.id.clone()).collect();
    let unpause = commands::engine::unpause(&ids);
    if ids.is_empty() {
        return Ok(Cow::Borrowed(resolved));
    }
    if context.dry_run() {
        product(unpause.to_string());
        return Ok(Cow::Borrowed(resolved));
    }
    unpause.read()?;
    let mut resolved = resolved.clone();
    resolved.containers = stack.containers()?;
    Ok(Cow::Owned(resolved))
}

/// What has to be done for services to start with programs of today's sources, where a builder compiles them.
#[derive(Default)]
struct Programs {
    /// The builder, where it has to compile again: its programs are those of the sources at its own start.
    builder: Option<String>,
    /// The tasks that run such a program, and therefore run again: a migration may be new.
    tasks: BTreeSet<String>,
}

impl Programs {
    /// Nothing, where no service that runs such a program has to start.
    fn of(resolved: &Resolved, startup: &Startup) -> Self {
        let Some(develop) = &resolved.model.develop else { return Self::default() };
        let runs_program = |name: &str| name == develop.hub || develop.programs.contains_key(name);
        let starts = |name: &str, entry: &Entry| !resolved.is_current(name) || !matches!(entry.phase(), Phase::Ready { .. });
        if !startup.services().any(|(name, entry)| runs_program(name) && starts(name, entry)) {
            return Self::default();
        }
        let tasks = develop.programs.keys().filter(|name| resolved.model.one_shot(name)).cloned().collect();
        Self { builder: Some(develop.builder.clone()), tasks }
    }
}

/// Runs one-shots whose image or configuration is new before Compose replaces anything that runs: where one of them fails, as a migration may, the
/// old version goes on serving. The start runs them once more, which does nothing.
fn run_one_shots(context: &Context, stack: &Stack, resolved: &Resolved) -> anyhow::Result<()> {
    let serving = |service: &str| {
        let mut own = containers::of(&resolved.containers, service).peekable();
        own.peek().is_some() && own.all(|container| container.health() == Some("healthy"))
    };
    let current = |service: &str| resolved.is_current(service);
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
    let mut lines: Vec<String> = resolved.creation(services).iter().map(ToString::to_string).collect();
    // Compose replaces the others.
    let ready: Vec<Container> = resolved.containers.iter().filter(|container| resolved.current(container)).cloned().collect();
    let mut startup = Startup::new(&resolved.model, services, &ready, &BTreeSet::new());
    loop {
        let batch = startup.startable(Duration::ZERO);
        if batch.is_empty() {
            return lines;
        }
        for (service, id) in batch {
            let there = ready.iter().find(|container| container.id == id).map(|container| container.name().to_owned());
            let name = there.unwrap_or_else(|| format!("{}-{id}", stack.project.compose_name()));
            lines.push(commands::engine::start(&name).to_string());
            startup.assume_ready(&service, &id);
        }
    }
}
