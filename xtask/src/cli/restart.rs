//! `restart`: stop services and start them again.

use std::collections::BTreeSet;

use clap::Args;

use super::Context;
use super::up::{StartArgs, refuse, start_services};
use crate::report::Failure;
use crate::stack::{Resolved, Stack};

/// Stop services and start them again, each as soon as what it needs is there
#[derive(Args)]
pub(crate) struct Restart {
    /// The services [default: all]
    services: Vec<String>,
    #[command(flatten)]
    start: StartArgs,
}

impl Restart {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let stack = context.stack()?;
        context.agree(&stack, "Restart services of")?;
        let _lock = context.lock(&stack)?;
        let resolved = stack.resolve()?;
        refuse::check_attributes(&stack, &resolved)?;
        let named = named(&resolved, &self.services)?;
        // Those that say so are restarted with what they depend on.
        let services: BTreeSet<String> = named.iter().cloned().chain(resolved.model.restarted_with(&named)).collect();
        if let Some(one_shot) = self.services.iter().find(|service| resolved.model.one_shot(service)) {
            return Err(Failure::new(format!("`{one_shot}` ends by itself, so there is nothing to restart"))
                .hint(format!("`cargo xtask up{}` runs it where it has not run yet", stack.project.flags()))
                .into());
        }
        check_made(&stack, &resolved, &self.services)?;
        let long_running: Vec<String> = services.iter().filter(|service| !resolved.model.one_shot(service)).cloned().collect();
        context.perform(&resolved.compose.stop(&long_running))?;
        start_again(context, &stack, &services, &long_running, self.start.keeping_the_builder())
    }
}

/// Starts `services` as they are now, not as they were when the command began.
fn start_again(context: &Context, stack: &Stack, services: &BTreeSet<String>, stopped: &[String], start: StartArgs) -> anyhow::Result<()> {
    let mut resolved = stack.resolve()?;
    if context.dry_run() {
        // Nothing was stopped; what follows is about a stack in which it was.
        for container in resolved.containers.iter_mut().filter(|container| stopped.iter().any(|name| name == container.service())) {
            container.state.status = "exited".to_owned();
        }
    }
    start_services(context, stack, &resolved, services, start)
}

/// Refuses services that were never started, or whose container was removed: what they need is `up`'s to make.
///
/// # Errors
/// When one of `names` has no container, or nothing of the stack has one where there are no names.
pub(crate) fn check_made(stack: &Stack, resolved: &Resolved, names: &[String]) -> Result<(), Failure> {
    let made = |name: &String| resolved.containers.iter().any(|container| container.service() == name);
    let what = match names.iter().find(|name| !made(name)) {
        Some(name) if resolved.model.services.get(name).is_some_and(|service| service.replicas() == 0) => {
            return Err(Failure::new(format!("`{name}` is scaled to 0, so it has no container"))
                .detail("nothing was changed")
                .hint("set `scale` or `deploy.replicas` of the service in the compose file"));
        }
        Some(name) => format!("`{name}` has no container yet"),
        None if resolved.containers.is_empty() => format!("{} has no containers yet", stack.project.compose_name()),
        None => return Ok(()),
    };
    let hint = format!("`cargo xtask up{}` makes what is missing, and starts it", stack.project.flags());
    Err(Failure::new(what).detail("nothing was changed").hint(hint))
}

/// The services that `names` mean: all of the stack when there are none.
///
/// # Errors
/// When one is not a service of the stack.
pub(crate) fn named(resolved: &Resolved, names: &[String]) -> anyhow::Result<BTreeSet<String>> {
    if let Some(unknown) = names.iter().find(|name| !resolved.model.services.contains_key(*name)) {
        let known: Vec<&str> = resolved.model.services.keys().map(String::as_str).collect();
        return Err(Failure::new(format!("there is no service `{unknown}` in this environment"))
            .hint(format!("services: {}", known.join(", ")))
            .into());
    }
    if names.is_empty() { Ok(resolved.model.services.keys().cloned().collect()) } else { Ok(names.iter().cloned().collect()) }
}
