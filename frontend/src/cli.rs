//! The command line of the `frontend` program.

use clap::{Parser, Subcommand};

/// Server-rendered pages of the task board.
#[derive(Debug, Parser)]
#[command(name = "frontend", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What the program can do.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum Verb {
    /// Serve pages and assets on `PORT`
    Serve,
    /// Ask the server on this machine whether it is well: exit code 0 when it is, 1 with the reason when not
    Health,
    /// Ask the server on this machine whether the edited templates and assets make pages: exit code 0 when they do, 1 with the reasons when not
    Check,
}
