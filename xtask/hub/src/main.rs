//! The `hub` program: the pages below `/_dev/` and what feeds them.

mod feed;
mod forward;
mod health;
mod http;
mod patience;
mod serve;
mod settings;
mod store;

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use crate::settings::Settings;

/// The development hub: tells browsers what happens to the services.
#[derive(Debug, Parser)]
#[command(name = "hub", version)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
enum Verb {
    /// Serve the pages on `PORT`, and take what `hub feed` brings
    Serve,
    /// Bring standard input to the running hub, and what it asks for to standard output
    Feed,
    /// Ask the hub on this machine whether it is well: exit code 0 when it is, 1 with the reason when not
    Health,
    /// Pass connections to `LISTEN_PORT` on to another address
    Forward {
        /// Where to listen
        listen_port: u16,
        /// Where connections go, as `HOST:PORT`
        target: String,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse().verb) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(1)
        }
    }
}

fn run(verb: Verb) -> anyhow::Result<()> {
    let settings = Settings::from_env()?;
    match verb {
        Verb::Health => health::probe(settings.port).map_err(anyhow::Error::msg),
        Verb::Serve => runtime()?.block_on(serve::run(settings)),
        Verb::Forward { listen_port, target } => runtime()?.block_on(forward::run(listen_port, target)),
        Verb::Feed => {
            let runtime = runtime()?;
            let outcome = runtime.block_on(feed::bridge::run(&settings.socket));
            // Standard input is read by a thread that cannot be stopped while nothing comes.
            runtime.shutdown_background();
            outcome
        }
    }
}

/// One thread is enough: nothing here computes, and memory matters more.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().context("the async runtime does not start")
}
