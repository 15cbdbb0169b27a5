//! The operations binary of the application. `backend --help` lists its verbs.
use backend::cli::{self, Cli, Verb};
use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let outcome = match Cli::parse().verb {
        Verb::Serve => cli::serve::run(),
        Verb::Worker => cli::worker::run(),
        Verb::Migrate(migrate) => migrate.run(),
        Verb::Health(health) => health.run(),
        Verb::Admin(admin) => admin.run(),
        Verb::Seed(seed) => seed.run(),
        Verb::Openapi => cli::openapi(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
