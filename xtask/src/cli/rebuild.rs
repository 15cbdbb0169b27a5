//! `rebuild`: images from today's sources, and the services that run them.

use clap::Args;

use super::Context;
use super::restart::{check_made, named};
use super::up::{StartArgs, build, refuse, start_services};
use crate::report::Failure;
use crate::stack::Resolved;

/// Build images anew and replace the containers whose image changed
#[derive(Args)]
pub(crate) struct Rebuild {
    /// The services whose images are built [default: all that are built here]
    services: Vec<String>,
    #[command(flatten)]
    start: StartArgs,
}

impl Rebuild {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let stack = context.stack()?;
        stack.check_buildable()?;
        context.agree(&stack, "Build and replace services of")?;
        let _lock = context.lock(&stack)?;
        let resolved = stack.resolve()?;
        refuse::check_attributes(&stack, &resolved)?;
        let services = builders(&resolved, &self.services)?;
        check_made(&stack, &resolved, &self.services)?;
        build(context, &resolved, &services)?;
        // Where the builder compiles programs, they are not in the images: services that run one begin anew, with what it makes of today's sources.
        let programs = programs(&resolved, &self.services);
        if !programs.is_empty() {
            context.perform(&resolved.compose.stop(&programs))?;
        }
        let resolved = stack.resolve()?;
        let all = resolved.model.services.keys().cloned().collect();
        start_services(context, &stack, &resolved, &all, self.start.beside_dev(&stack))
    }
}

/// Those of `names`, or of all services when there are none, that go on running and whose program the builder compiles.
fn programs(resolved: &Resolved, names: &[String]) -> Vec<String> {
    let programs = resolved.model.develop.iter().flat_map(|develop| develop.programs.keys());
    let meant = programs.filter(|service| names.is_empty() || names.contains(service));
    meant.filter(|service| !resolved.model.one_shot(service)).cloned().collect()
}

/// The services that build the images of `names`: of all services when there are none.
///
/// # Errors
/// When one of them is no service, or runs an image that is not built here.
pub(crate) fn builders(resolved: &Resolved, names: &[String]) -> anyhow::Result<Vec<String>> {
    let builds = resolved.model.builds();
    let mut services = Vec::new();
    for name in named(resolved, names)? {
        let image = resolved.model.services.get(&name).and_then(|service| service.image.as_deref()).unwrap_or_default();
        match builds.get(image) {
            Some(builder) => services.push((*builder).to_owned()),
            None if names.is_empty() => {}
            None => {
                return Err(Failure::new(format!("`{name}` is not built here: it runs `{image}`"))
                    .hint(format!("`cargo xtask restart {name}` restarts it"))
                    .into());
            }
        }
    }
    services.sort();
    services.dedup();
    Ok(services)
}
