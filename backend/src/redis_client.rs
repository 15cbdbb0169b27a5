//! The shared connection to Redis for short commands. Pub/sub uses a connection of its own (`live::subscriber`).
use crate::config::RedisConfig;
use anyhow::Context;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, RedisResult};
use std::time::{Duration, Instant};

/// No command of ours takes longer on a Redis that is well.
const TIMEOUT: Duration = Duration::from_millis(500);

/// A connection that is made when it is first used, and made again when it was lost.
pub fn connect_lazily(config: &RedisConfig) -> anyhow::Result<ConnectionManager> {
    let client = Client::open(config.info.clone()).context("`REDIS_URL` cannot be used")?;
    let settings = ConnectionManagerConfig::new()
        .set_connection_timeout(Some(TIMEOUT))
        .set_response_timeout(Some(TIMEOUT))
        // One try for each command: who waits for Redis retries with its own patience.
        .set_number_of_retries(0);
    ConnectionManager::new_lazy_with_config(client, settings).context("`REDIS_URL` cannot be used")
}

/// Asks, and once more where the connection was lost before: the manager learns that only from a question, and answers with the failure of its last
/// attempt to connect until somebody has asked again.
pub async fn ask<T, F: Future<Output = RedisResult<T>>>(
    redis: &ConnectionManager,
    question: impl Fn(ConnectionManager) -> F,
) -> RedisResult<T> {
    let begun = Instant::now();
    match question(redis.clone()).await {
        // Whoever has waited in vain does not wait again.
        Err(error) if error.is_io_error() && begun.elapsed() < TIMEOUT => question(redis.clone()).await,
        answer => answer,
    }
}

/// Asks Redis for a sign of life.
pub async fn ping(redis: &ConnectionManager) -> RedisResult<()> {
    ask(redis, |mut redis| async move { redis::cmd("PING").query_async(&mut redis).await }).await
}

/// Where [`check`] writes. Another process may write there at the same time; nobody reads it.
const PROBE: &str = "health:probe";

/// Writes a value, which a Redis that is full refuses while it still answers.
pub async fn check(redis: &ConnectionManager) -> RedisResult<()> {
    ask(redis, |mut redis| async move { redis::cmd("SET").arg(PROBE).arg(1).arg("EX").arg(60).query_async(&mut redis).await }).await
}
