//! What a person sees of `cargo xtask`: the whole program against an engine that is a script, command by command.
//!
//! Snapshots are written with `INSTA_UPDATE=always cargo test -p xtask --test cli`, then read.

// The engine is a shell script, found through a symbolic link, and interrupted with POSIX signals.
#![cfg(unix)]
#![allow(clippy::expect_used, reason = "tests prove things by panicking")]

mod backup;
mod beside;
mod clean;
mod dev;
mod docs;
mod doctor;
mod down;
mod dry_run;
mod env;
mod environment;
mod guard;
mod harness;
mod help;
mod images;
mod keys;
mod logs;
mod malformed;
mod migrate;
mod notify;
mod rebuild;
mod repository;
mod restart;
mod secrets;
mod shell;
mod smoke;
mod status;
mod timers;
mod up;
