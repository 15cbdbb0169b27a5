//! What is refused before anything is started.

use crate::commands;
use crate::config::environment::{Environment, TlsMode};
use crate::images;
use crate::model::Condition;
use crate::report::Failure;
use crate::stack::{Resolved, Stack};

/// The domain that this repository comes with belongs to nobody, so no certificate is for it.
///
/// # Errors
/// When it is still there where a certificate is asked for.
pub(super) fn check_domain(stack: &Stack) -> Result<(), Failure> {
    let Environment { tls, site, .. } = &stack.environment;
    if tls.mode != TlsMode::Files || !site.domain.to_string().ends_with("example.com") {
        return Ok(());
    }
    let flags = stack.project.flags();
    Err(Failure::new(format!("`site.domain` is `{}`, the example that came with it", site.domain))
        .hint(format!("`cargo xtask env show {}` says in which file; set yours there", stack.project.environment))
        .hint(format!(
            "for a trial without a domain: `cargo xtask up --env staging`; what else is missing: `cargo xtask secrets list{flags}`"
        )))
}

/// A service that waits for the health of one that has no health check would wait for ever.
///
/// # Errors
/// When there is such a service.
pub(super) fn check_conditions(resolved: &Resolved) -> anyhow::Result<()> {
    for (name, service) in &resolved.model.services {
        let waits = service.depends_on.iter().filter(|(_, how)| how.required && how.condition == Condition::Healthy);
        for need in waits.map(|(need, _)| need) {
            let Some(needed) = resolved.model.services.get(need).filter(|needed| needed.replicas() > 0) else { continue };
            let checked = match (needed.checked(), needed.image.as_deref()) {
                (Some(checked), _) => checked,
                // An image that is not there yet may have one: the start sees it.
                (None, Some(image)) if resolved.images.contains_key(image) => has_check(image)?,
                (None, _) => true,
            };
            if !checked {
                return Err(Failure::new(format!("`{name}` waits for `{need}` to be healthy, and `{need}` has no health check"))
                    .hint(format!("give `{need}` a `healthcheck`, or `{name}` the condition `service_started`"))
                    .into());
            }
        }
    }
    Ok(())
}

fn has_check(image: &str) -> anyhow::Result<bool> {
    let check = commands::images::health_check(image).read()?;
    Ok(check.trim() != "null" && !check.contains("\"NONE\""))
}

/// Attributes of compose files that a start would break or ignore without a word: all of them at once.
///
/// # Errors
/// When there is one.
pub(in crate::cli) fn check_attributes(stack: &Stack, resolved: &Resolved) -> Result<(), Failure> {
    let problems = resolved.model.unsupported(|image| resolved.images.contains_key(&images::tagged(image)));
    if problems.is_empty() {
        return Ok(());
    }
    let failure = Failure::new("the compose files have attributes that Slipway does not support; nothing was changed");
    let failure = problems.iter().fold(failure, |failure, problem| failure.detail(problem.to_string()));
    Err(failure
        .hint("docs/compose.md says for each attribute of Compose what Slipway does with it")
        .hint(format!("edit the files, then `cargo xtask up{}`", stack.project.flags())))
}

/// What is built from another repository says by itself whether it is well: nothing here knows how to ask it.
///
/// # Errors
/// When its image has no health check.
pub(super) fn check_contract(stack: &Stack, resolved: &Resolved) -> anyhow::Result<()> {
    for (service, folder) in &stack.environment.sources {
        let Some(image) = resolved.model.services.get(service).and_then(|service| service.image.as_deref()) else { continue };
        if !has_check(image)? {
            let from = folder.at(&stack.project.root);
            return Err(Failure::new(format!("the image of `{service}`, built from {}, has no health check", from.display()))
                .detail("a service of another repository listens on the port in PORT, and its Dockerfile has a HEALTHCHECK that asks it for /health")
                .hint("for example: HEALTHCHECK --start-period=60s --start-interval=250ms CMD curl --fail --silent http://127.0.0.1:$PORT/health")
                .hint(format!("after that, `cargo xtask rebuild {service}{}`", stack.project.flags()))
                .into());
        }
    }
    Ok(())
}
