//! The command line: the parsed flags, and one file for each verb.
pub mod admin;
pub mod health;
pub mod migrate;
pub mod seed;
pub mod serve;
pub mod worker;

use anyhow::Context;
use clap::{Parser, Subcommand};
use std::future::Future;
use std::io::{self, Write};

/// The application behind the API of the task board
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What the binary can do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Answer HTTP requests until a termination signal
    Serve,
    /// Work on queued jobs until a termination signal
    Worker,
    /// Bring the database schema up to date, or show where it stands
    Migrate(migrate::Migrate),
    /// Ask the server or the worker of this container whether it is well
    Health(health::Health),
    /// Create accounts and change roles
    Admin(admin::Admin),
    /// Add people and tasks to try things with
    Seed(seed::Seed),
    /// Print the description of the API (OpenAPI 3.1)
    Openapi,
}

/// `backend openapi`: prints the description of the API.
pub fn openapi() -> anyhow::Result<()> {
    Ok(writeln!(io::stdout(), "{}", crate::http::openapi::document().to_pretty_json()?)?)
}

/// Runs an asynchronous verb with the given runtime.
fn block_on(runtime: &mut tokio::runtime::Builder, verb: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    runtime.enable_all().build().context("the asynchronous runtime cannot start")?.block_on(verb)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
