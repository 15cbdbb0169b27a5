//! What the handlers share.
use super::Limits;
use super::rate::RateLimit;
use super::shares::Shares;
use crate::config::{MediaConfig, ReleaseConfig, ServeConfig};
use crate::database;
use crate::live::{Hub, Publisher};
use crate::metrics::HttpMetrics;
use crate::passwords::Passwords;
use crate::sessions::Sessions;
use crate::shutdown::Shutdown;
use redis::aio::ConnectionManager;
use sqlx::postgres::PgPool;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::sync::Semaphore;

/// So many attempts to sign in wait for their turn at once: a quarter of the requests that are under way.
const WAITING: usize = 64;

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
    /// The channel of live updates.
    pub live_channel: String,
    /// Signed-in browsers.
    pub sessions: Sessions,
    /// One permit for each attempt to sign in that may wait for its turn.
    pub waiting: Semaphore,
    /// Hashing of passwords.
    pub passwords: Passwords,
    /// What accounts may ask for.
    pub rate_limit: RateLimit,
    /// Uploads under way.
    pub uploads: Arc<Shares>,
    /// Where uploaded files are kept.
    pub media: MediaConfig,
    /// Messages to the sockets of this process.
    pub hub: Hub,
    /// Messages to all processes.
    pub publisher: Publisher,
    /// What is counted of requests.
    pub metrics: HttpMetrics,
    /// Whether this process was ready once: see `http::health::container`.
    pub was_ready: AtomicBool,
    /// One permit for each socket that may be open.
    pub sockets: Arc<Semaphore>,
    /// How many sockets may be open.
    pub socket_limit: usize,
    /// The sockets of each account.
    pub account_sockets: Arc<Shares>,
    /// How often a socket's client, and its session, are asked for a sign of life.
    pub ping: Duration,
    /// Tells sockets to close.
    pub shutdown: Shutdown,
}

impl State {
    /// The state of a new server. Nothing is connected yet.
    pub fn new(config: &ServeConfig, publisher: Publisher, redis: ConnectionManager, limits: &Limits, shutdown: Shutdown) -> App {
        Arc::new(State {
            release: config.release.clone(),
            database: database::pool(&config.database, "backend"),
            sessions: Sessions::new(redis.clone()),
            redis,
            live_channel: config.redis.live_channel.clone(),
            waiting: Semaphore::new(WAITING),
            passwords: Passwords::default(),
            rate_limit: RateLimit::new(config.server.requests_per_minute),
            uploads: Shares::new(limits.uploads_per_account),
            media: config.media.clone(),
            hub: Hub::default(),
            publisher,
            metrics: HttpMetrics::default(),
            was_ready: AtomicBool::new(false),
            sockets: Arc::new(Semaphore::new(limits.sockets)),
            socket_limit: limits.sockets,
            account_sockets: Shares::new(limits.sockets_per_account),
            ping: limits.ping,
            shutdown,
        })
    }

    /// How many sockets are open.
    pub fn sockets_open(&self) -> usize {
        self.socket_limit - self.sockets.available_permits()
    }
}
