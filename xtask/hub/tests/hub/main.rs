//! Tests of the `hub` program from outside: a feed on one side, browsers on the other.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod actions;
mod browsers;
mod forward;
mod harness;
mod volume;
