//! `secrets init`: strong values for what is missing.

use clap::Args;

use super::super::Context;
use crate::data::agent;
use crate::model::Model;
use crate::report::product;
use crate::secrets::{self, Secret};
use crate::stack::has_data;

/// Make the secrets that are missing, and say which only you can give
#[derive(Args)]
pub(super) struct Init {}

impl Init {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        let stack = super::with_all(context.stack_on_engine()?)?;
        stack.check_volumes()?;
        let model = Model::parse(&stack.compose.model().read()?)?;
        agent::check_key(&stack, &model)?;
        let secrets = secrets::of(&stack.project, &model);
        let missing: Vec<&Secret> = secrets.iter().filter(|secret| !secret.file.exists()).collect();
        if missing.is_empty() {
            context.volume().say("every secret is there");
            return Ok(());
        }
        if !context.dry_run() {
            secrets::make_random(&stack.project, &missing, context.volume(), || has_data(&stack.project))?;
        }
        for secret in missing {
            let shown = secret.shown(&stack.project);
            if secret.file.exists() {
                product(shown);
            } else if secret.can_be_made(&stack.environment) {
                context.volume().say(format!("{shown} will be made by the next start"));
            } else {
                let yes = if stack.environment.confirm { " --yes" } else { "" };
                let rotate = format!("cargo xtask secrets rotate {}{}{yes} <FILE", secret.name, stack.project.flags());
                context.volume().say(format!("{shown} is for you to give: put it there, or `{rotate}`"));
            }
        }
        Ok(())
    }
}
