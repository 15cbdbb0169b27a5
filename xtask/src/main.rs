//! `cargo xtask`: the workflow of this repository. See `docs/architecture.md` for how a command flows.

mod bench;
mod cli;
mod commands;
mod config;
mod data;
mod develop;
mod doctor;
mod engine;
mod guard;
mod health;
mod images;
mod interrupt;
mod lock;
mod logs;
mod migrations;
mod model;
mod notify;
mod ports;
mod process;
mod progress;
mod project;
mod redact;
mod report;
mod secrets;
mod setup;
mod stack;
mod start;
mod status;
mod statusline;
mod terminal;
mod testing;
mod watch;

fn main() -> std::process::ExitCode {
    let outcome = cli::run();
    // What is said last is not below it.
    statusline::shared().clear();
    let code = match outcome {
        Ok(()) => 0,
        // A child that Ctrl-C ended has not failed.
        Err(error) if interrupt::requested() && error.is::<report::Failure>() => report::exit_code(&report::Interrupted.into()),
        Err(error) => report::exit_code(&error),
    };
    // Exit codes of children can be anything; those that do not fit a byte become 2, unexpected.
    std::process::ExitCode::from(u8::try_from(code).unwrap_or(2))
}
