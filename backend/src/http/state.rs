//! What the handlers share.
use crate::config::{ReleaseConfig, ServeConfig};
use crate::database;
use crate::live::{Hub, Publisher};
use crate::shutdown::Shutdown;
use redis::aio::ConnectionManager;
use sqlx::postgres::PgPool;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tokio::sync::Semaphore;

/// The shared state, as handlers get it.
pub type App = Arc<State>;

/// What the handlers share.
#[derive(Debug)]
pub struct State {
    /// What is running, and where.
    pub release: ReleaseConfig,
    /// PostgreSQL.
    pub database: PgPool,
    /// Redis, for short commands.
    pub redis: ConnectionManager,
    /// Messages to the sockets of this process.
    pub hub: Hub,
    /// Messages to all processes.
    pub publisher: Publisher,
    /// Whether this process was ready once: see `http::health::container`.
    pub was_ready: AtomicBool,
    /// One permit for each socket that may be open.
    pub sockets: Arc<Semaphore>,
    /// Tells sockets to close.
    pub shutdown: Shutdown,
}

impl State {
    /// The state of a new server. Nothing is connected yet.
    pub fn new(config: &ServeConfig, publisher: Publisher, redis: ConnectionManager, sockets: usize, shutdown: Shutdown) -> App {
        Arc::new(State {
            release: config.release.clone(),
            database: database::pool(&config.database, "backend"),
            redis,
            hub: Hub::default(),
            publisher,
            was_ready: AtomicBool::new(false),
            sockets: Arc::new(Semaphore::new(sockets)),
            shutdown,
        })
    }
}
