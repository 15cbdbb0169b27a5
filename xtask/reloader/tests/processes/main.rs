//! Tests of the reloader and its agent with real processes: programs, sockets, signals and cargo.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "a test fails by panicking, and shows what was printed")]

mod agent;
mod crashes;
mod harness;
mod swaps;
