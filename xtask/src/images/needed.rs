//! The images that a stack runs, whether it runs or not.

use std::collections::BTreeMap;

use super::base;
use super::tag::Source;
use crate::commands::{self, compose::Compose};
use crate::model::Model;
use crate::report::Failure;
use crate::stack::Stack;

/// The images of a stack, and those that the engine has.
#[derive(Clone, Debug)]
pub(crate) struct Needed {
    /// With base images filled in.
    pub(crate) compose: Compose,
    /// What should be.
    pub(crate) model: Model,
    /// The ids of the images here, by name.
    here: BTreeMap<String, String>,
}

impl Needed {
    /// Asks the engine and Compose.
    ///
    /// # Errors
    /// When one of them does not answer.
    pub(crate) fn look(stack: &Stack) -> anyhow::Result<Self> {
        let here = super::parse_list(&commands::engine::images().read()?);
        let chosen = base::choose(&base::variables(&stack.compose.files()), &here, &base::local_tags(&stack.project)?);
        let compose = chosen.into_iter().fold(stack.compose.clone(), |compose, (name, image)| compose.with(&name, image));
        let model = Model::read(&compose.model().read()?, &stack.project.infra(), &compose.files())?;
        Ok(Self { compose, model, here })
    }

    /// All images: our own, then those that are used as they are.
    pub(crate) fn all(&self) -> Vec<String> {
        self.own().chain(self.model.pulled()).map(str::to_owned).collect()
    }

    /// Our own images.
    pub(crate) fn own(&self) -> impl Iterator<Item = &str> {
        self.model.builds().into_keys()
    }

    /// Refuses to go on without one of `images`; `what` says for what.
    ///
    /// # Errors
    /// When one of them is not here.
    pub(crate) fn check_here(&self, stack: &Stack, images: &[String], what: &str) -> Result<(), Failure> {
        let missing: Vec<&String> = images.iter().filter(|image| !self.here.contains_key(*image)).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let failure = missing.iter().fold(Failure::new(what), |failure, image| failure.detail(image.as_str()));
        let own = missing.iter().any(|image| self.own().any(|own| own == image.as_str()));
        let base = missing.iter().any(|image| self.model.pulled().contains(&image.as_str()));
        let flags = stack.project.flags();
        let hints = [
            (own && !matches!(stack.source, Source::Pinned(_))).then(|| format!("`cargo xtask images build{flags}` builds our own")),
            (own && matches!(stack.source, Source::Pinned(_)))
                .then(|| format!("`cargo xtask images load FILE{flags}` takes them from where they were built")),
            base.then(|| {
                "`docker image pull` fetches base images; where no image registry is reachable, `cargo xtask setup` builds them".to_owned()
            }),
        ];
        Err(hints.into_iter().flatten().fold(failure, Failure::hint))
    }
}
