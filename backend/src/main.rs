//! The operations binary of the application: `serve`, `worker`, `migrate` and `health`.
use backend::cli::{self, Cli, Verb};
use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let outcome = match Cli::parse().verb {
        Verb::Serve => cli::serve::run(),
        Verb::Worker => cli::worker::run(),
        Verb::Migrate(migrate) => migrate.run(),
        Verb::Health(health) => health.run(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
