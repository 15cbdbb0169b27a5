//! The development loop inside the containers: `run` keeps a program running and swaps it for newer builds, `agent` makes the builds.
mod agent;
mod control;
mod exec;
mod exits;
mod lines;
mod output;
mod process;
mod program;
mod run;
mod server;
mod supervisor;

use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::future::Future;
use std::path::PathBuf;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

/// Keeps a program running, swaps it for newer builds without dropping a request, and makes those builds
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Keep a program running; hold its socket at `PORT`, and swap the program when the control socket asks for it
    Run(run::Run),
    /// Build programs when the control socket asks for it
    Agent(agent::Agent),
    /// Succeed if the first build of `agent` did, and it answers
    Built(agent::built::Built),
    /// Connect standard input and output with a control socket
    Control {
        /// The control socket of `run` or `agent`
        socket: PathBuf,
    },
    /// Become a program, and tell it that the sockets it inherits are its own
    #[command(hide = true)]
    Exec {
        /// The program and its arguments
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().verb {
        Verb::Run(run) => block_on(run.run()),
        Verb::Agent(agent) => block_on(agent.run()),
        Verb::Built(built) => built.run(),
        Verb::Control { socket } => control::bridge(&socket),
        Verb::Exec { command } => exec::exec(&command),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn block_on(verb: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(verb)
}

/// Waits for SIGTERM or SIGINT. The handlers are in place when this function returns.
fn termination() -> anyhow::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
