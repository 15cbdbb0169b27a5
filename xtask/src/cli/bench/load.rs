//! `bench load`: the application under load. What is asked for and how is the business of the program `load`, not of this one.

use clap::Args;

use crate::cli::up::{Builds, StartArgs, bring_up};
use crate::cli::{Context, cargo, remove_images};
use crate::interrupt;
use crate::stack::Stack;

/// Measure the application under load, on a stack of its own in the environment `bench`, which is removed afterwards
#[derive(Args)]
pub(super) struct Load {
    /// How many tasks there are; several numbers with commas are measured one after the other
    #[arg(long, value_name = "N", default_value = "100000", value_parser = numbers)]
    tasks: String,
    /// How many live connections are open
    #[arg(long, value_name = "N", default_value = "200,2000", value_parser = numbers)]
    sockets: String,
    /// How large an upload is
    #[arg(long, value_name = "BYTES", default_value = "104857600,1073741824", value_parser = numbers)]
    upload: String,
    /// How often each is measured; the figures are medians
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
}

/// Numbers with commas between them, as they go to the program that reads them.
fn numbers(text: &str) -> Result<String, std::num::ParseIntError> {
    text.split(',').try_for_each(|number| number.parse::<u64>().map(drop))?;
    Ok(text.to_owned())
}

impl Load {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        let stack = context.stack_on_engine()?;
        // What an earlier run left would be measured with it.
        context.remove_all(&stack)?;
        let result = self.measure(context, &stack);
        interrupt::clear();
        context.remove_all(&stack)?;
        remove_images(context, &stack)?;
        result
    }

    fn measure(&self, context: &Context, stack: &Stack) -> anyhow::Result<()> {
        // Built before anything runs, so that it takes no time from what is measured.
        context.perform(&cargo(["build", "--release", "--quiet", "--package", "load"]).dir(&stack.project.root))?;
        let resolved = bring_up(context, stack, Builds::All, StartArgs::default())?;
        let program = cargo(["run", "--release", "--quiet", "--package", "load", "--"]).dir(&stack.project.root);
        let (url, project, rounds) = (resolved.address.url(), stack.project.compose_name(), self.rounds.to_string());
        let options = [
            ("--url", &url),
            ("--project", &project),
            ("--tasks", &self.tasks),
            ("--sockets", &self.sockets),
            ("--upload", &self.upload),
            ("--rounds", &rounds),
        ];
        context.hand_over(&options.into_iter().fold(program, |program, (name, value)| program.args([name, value])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_checked_and_passed_on() {
        assert_eq!(numbers("1,20").as_deref(), Ok("1,20"));
        for bad in ["", "1,", "x", "-1", "1 2"] {
            assert!(numbers(bad).is_err(), "{bad}");
        }
    }
}
