//! The application behind the API: settings, storage, jobs, live updates and the HTTP server, as a library so that tests can drive it.
//!
//! Code map:
//! - `cli`: one file for each verb of the binary
//! - `config`: one typed file for each concern
//! - `http`: the router in one file, one file for each group of routes
//! - `accounts`, `tasks`, `attachments`, `exports`, `stats`, `idempotency`: what the application stores, one file for each noun
//! - `passwords`, `sessions`, `throttle`: who signs in
//! - `text`: what people may enter
//! - `jobs`: the queue in PostgreSQL, the worker, one file for each kind of job
//! - `media`: files on disk; `mail`: letters
//! - `metrics`: what is counted for Prometheus, and the listener that it is fetched from
//! - `supervisor`: who swaps this process for newer builds in development
//! - `live`: updates for open browsers through Redis
//!
//! Invariant: only `http` knows HTTP. Storage functions return plain values and `sqlx::Error`.
pub mod accounts;
pub mod attachments;
pub mod cli;
pub mod config;
pub mod database;
pub mod exports;
pub mod health;
pub mod heartbeat;
pub mod http;
pub mod idempotency;
pub mod jobs;
pub mod live;
pub mod logging;
pub mod mail;
pub mod media;
pub mod metrics;
pub mod migrations;
pub mod passwords;
pub mod redis_client;
pub mod resets;
pub mod sessions;
pub mod shutdown;
pub mod stats;
pub mod supervisor;
pub mod tasks;
pub mod text;
pub mod throttle;
