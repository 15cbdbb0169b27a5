//! Tests of the whole stack from outside, as one program: `cargo xtask test e2e` starts the stack and leads them to it.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod attributes;
mod backup;
mod commands;
mod compose;
mod dev;
mod doctor;
mod external;
mod faults;
mod fuzz;
mod guard;
mod harness;
mod mail;
mod metrics;
mod network;
mod pages;
mod production;
mod readme;
mod routes;
mod smoke;
mod sources;
mod start;
mod workflow;
