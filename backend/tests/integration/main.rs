//! Tests on real PostgreSQL and Redis, one module for each group of routes. `cargo xtask test` starts what they need.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod accounts;
mod admin;
mod attachments;
mod exports;
mod harness;
mod health;
mod jobs;
mod live;
mod mail;
mod metrics;
mod migrations;
mod outages;
mod resets;
mod schedule;
mod server;
mod soak;
mod tasks;
