//! `env check`: whether environments are valid, without starting anything.

use clap::Args;

use super::super::Context;
use crate::config::layers::Directory;
use crate::config::load;
use crate::report::{self, ExitWith, Style, paint, product};

/// Check environments, without starting anything
#[derive(Args)]
pub(super) struct Check {
    /// The environments [default: all]
    names: Vec<String>,
}

impl Check {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        let infra = context.project()?.infra();
        let names = if self.names.is_empty() { Directory::of(&infra).names() } else { self.names };
        let mut failed = false;
        for name in names {
            match load::load(&infra, &name) {
                Ok(_) => product(format!("{name} {}", paint(Style::Good, "is valid"))),
                Err(failure) => {
                    failed = true;
                    report::exit_code(&failure.into());
                }
            }
        }
        if failed { Err(ExitWith(1).into()) } else { Ok(()) }
    }
}
