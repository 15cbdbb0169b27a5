//! Images with a tag that somebody gave: they are pulled, and never built here under that name.

use crate::cli::Context;
use crate::commands;
use crate::report::Failure;
use crate::stack::{Resolved, Stack};

/// Refuses a start without images that nobody can be asked for.
///
/// # Errors
/// When one of our own images is not here, and their names lead to no registry.
pub(in crate::cli) fn check_fetchable(stack: &Stack, resolved: &Resolved) -> Result<(), Failure> {
    let repository = &stack.environment.images.repository;
    match resolved.missing_own().first() {
        // The engine would ask its default registry, where the name may be a stranger's.
        Some(image) if repository.registry().is_none() => {
            let text = format!("the image `{image}` is not here, and `{repository}` names no registry to pull it from");
            Err(hints(Failure::new(text), stack))
        }
        _ => Ok(()),
    }
}

/// Pulls our own images that are not here.
///
/// # Errors
/// When one of them cannot be had.
pub(in crate::cli) fn fetch(context: &Context, stack: &Stack, resolved: &Resolved) -> anyhow::Result<()> {
    for image in resolved.missing_own() {
        context.perform(&commands::engine::pull(image)).map_err(|error| match error.downcast::<Failure>() {
            Ok(failure) => {
                let text = failure.to_string();
                let reason = text.lines().last().unwrap_or_default().trim();
                hints(Failure::new(format!("the image `{image}` is not here and cannot be pulled")).detail(reason), stack).into()
            }
            Err(error) => error,
        })?;
    }
    Ok(())
}

fn hints(failure: Failure, stack: &Stack) -> Failure {
    let flags = stack.project.flags();
    failure
        .hint(format!(
            "`cargo xtask images load FILE{flags}` takes it from an archive that `cargo xtask images save` wrote where it was built"
        ))
        .hint(format!(
            "`images.tag` in infra/env/{}.toml says which images run; \"commit\" builds them from this checkout",
            stack.project.environment
        ))
}
