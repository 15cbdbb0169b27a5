//! The one subscription of a server process, and how it survives the loss of Redis.
use super::Hub;
use crate::config::RedisConfig;
use axum::extract::ws::Utf8Bytes;
use futures_util::StreamExt;
use redis::{Client, RedisError};
use std::time::Duration;
use tokio::time::{sleep, timeout};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// A connection that is silent for this long is asked for a sign of life.
const SILENCE: Duration = Duration::from_secs(10);
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(3);

/// Passes every published message to the hub, for as long as it is polled.
pub async fn subscribe(config: &RedisConfig, hub: &Hub) {
    let mut retry = FIRST_RETRY;
    let mut away = false;
    loop {
        match subscription(config, hub, &mut retry, &mut away).await {
            Ok(()) => tracing::warn!("the subscription to live updates ended, subscribing again"),
            Err(error) if !away => tracing::warn!(error = error, "live updates are not received: Redis is away"),
            Err(_) => {}
        }
        away = true;
        hub.lose();
        sleep(retry).await;
        retry = (retry * 2).min(LAST_RETRY);
    }
}

/// One connection, until it ends.
async fn subscription(config: &RedisConfig, hub: &Hub, retry: &mut Duration, away: &mut bool) -> Result<(), String> {
    let connect = async {
        // A connection of its own: the shared one closes reads that wait longer than its response timeout.
        let mut pubsub = Client::open(config.info.clone())?.get_async_pubsub().await?;
        pubsub.subscribe(&config.live_channel).await?;
        Ok::<_, RedisError>(pubsub)
    };
    let pubsub = timeout(CONNECT_TIMEOUT, connect).await.map_err(|_| "no answer in time".to_owned())?;
    let (mut sink, mut messages) = pubsub.map_err(|error| error.to_string())?.split();
    *retry = FIRST_RETRY;
    if std::mem::take(away) {
        tracing::info!("live updates are received again");
    }
    // What was published while nobody listened is gone.
    hub.regain();
    loop {
        match timeout(SILENCE, messages.next()).await {
            Ok(Some(message)) => match message.get_payload::<String>() {
                Ok(text) => hub.send(Utf8Bytes::from(text)),
                Err(error) => tracing::warn!(%error, "a live update is not text"),
            },
            Ok(None) => return Ok(()),
            Err(_) => match timeout(CONNECT_TIMEOUT, sink.ping::<redis::Value>()).await {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => return Err(error.to_string()),
                Err(_) => return Err("no sign of life".to_owned()),
            },
        }
    }
}
