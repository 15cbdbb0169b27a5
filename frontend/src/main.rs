//! The `frontend` program: reads its arguments and settings, then serves pages or probes the server.

use std::process::ExitCode;

use clap::Parser as _;
use frontend::cli::{Cli, Verb};
use frontend::config::Config;
use frontend::{health, logging, server};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let config = match Config::from_env() {
        Ok(config) => config,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(1);
        }
    };
    let outcome = match cli.verb {
        Verb::Serve => {
            logging::start(&config.log_level);
            server::run(config)
        }
        Verb::Check => health::check(config.port).map_err(anyhow::Error::msg),
        Verb::Health => health::probe(config.port).map_err(anyhow::Error::msg),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(1)
        }
    }
}
