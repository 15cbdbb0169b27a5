//! `bench`: figures for `docs/benchmarks.md`, measured beside what they are compared with.

mod backup;
mod dev_loop;
mod load;
mod start;

use clap::{Args, Subcommand};

use super::{Context, Globals};

/// Measure something in turn with what it is compared with
#[derive(Args)]
pub(crate) struct Bench {
    #[command(subcommand)]
    what: What,
}

/// The benchmarks.
#[derive(Subcommand)]
enum What {
    Start(start::Start),
    Backup(backup::Backup),
    Load(load::Load),
    DevLoop(dev_loop::DevLoop),
}

impl Bench {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let instance = context.globals.instance.clone().unwrap_or_else(|| "bench".to_owned());
        // Release images: what a compiler takes is not what is measured here.
        let globals = Globals { env: "bench".to_owned(), instance: Some(instance), ..context.globals.clone() };
        match self.what {
            What::Start(start) => start.run(&Context { globals }),
            What::Backup(backup) => backup.run(&Context { globals }),
            What::Load(load) => load.run(&Context { globals }),
            // The environment that people develop in.
            What::DevLoop(dev_loop) => dev_loop.run(&Context { globals: Globals { env: context.globals.env.clone(), ..globals } }),
        }
    }
}
