//! The application behind the API: settings, storage, jobs, live updates and the HTTP server, as a library so that tests can drive it.
//!
//! Code map:
//! - `cli`: one file for each verb of the binary
//! - `config`: one typed file for each concern
//! - `http`: the router in one file, one file for each group of routes
//! - `tasks`, `stats`: what the application stores, one file for each noun
//! - `jobs`: the queue in PostgreSQL, the worker, one file for each kind of job
//! - `media`: files on disk; `mail`: letters
//! - `live`: updates for open browsers through Redis
//!
//! Invariant: only `http` knows HTTP. Storage functions return plain values and `sqlx::Error`.
pub mod cli;
pub mod config;
pub mod database;
pub mod health;
pub mod heartbeat;
pub mod http;
pub mod jobs;
pub mod live;
pub mod logging;
pub mod mail;
pub mod media;
pub mod migrations;
pub mod redis_client;
pub mod shutdown;
pub mod stats;
pub mod tasks;
