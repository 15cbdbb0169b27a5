//! The one subscription of a server process, and how it survives the loss of Redis.
use super::{Event, EventId, Hub};
use crate::config::RedisConfig;
use futures_util::StreamExt;
use redis::aio::{ConnectionLike, ConnectionManager};
use redis::{Client, RedisError, RedisResult};
use std::collections::HashMap;
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
        let client = Client::open(config.info.clone())?;
        let mut pubsub = client.get_async_pubsub().await?;
        pubsub.subscribe(&config.live_channel).await?;
        let last = last(&mut client.get_multiplexed_async_connection().await?, &config.live_channel).await?;
        Ok::<_, RedisError>((pubsub, last))
    };
    let connected = timeout(CONNECT_TIMEOUT, connect).await.map_err(|_| "no answer in time".to_owned())?;
    let (pubsub, last) = connected.map_err(|error| error.to_string())?;
    let (mut sink, mut messages) = pubsub.split();
    *retry = FIRST_RETRY;
    if std::mem::take(away) {
        tracing::info!("live updates are received again");
    }
    // What was published while nobody listened is gone.
    hub.regain(last);
    loop {
        match timeout(SILENCE, messages.next()).await {
            Ok(Some(message)) => match message.get_payload::<String>() {
                Ok(text) => match text.split_once(' ').and_then(|(id, envelope)| Event::read(id, envelope)) {
                    Some(event) => hub.send(event),
                    None => tracing::warn!("a live update cannot be read"),
                },
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

/// The last event of the stream.
async fn last(redis: &mut impl ConnectionLike, channel: &str) -> RedisResult<Option<EventId>> {
    let entries = entries(redis, redis::cmd("XREVRANGE").arg(Event::stream(channel)).arg("+").arg("-").arg("COUNT").arg(1)).await?;
    Ok(entries.first().and_then(|(id, _)| EventId::parse(id)))
}

/// The events after one that a client names. `None`: the stream does not reach back that far, or never had it.
pub async fn missed(redis: &ConnectionManager, channel: &str, since: EventId) -> RedisResult<Option<Vec<Event>>> {
    /// A client that missed more reads everything again sooner.
    const MANY: usize = 500;
    let (redis, stream) = (&mut redis.clone(), Event::stream(channel));
    // From the named event on: that it is there tells that none after it is missing.
    let range = redis::cmd("XRANGE").arg(&stream).arg(since.to_string()).arg("+").arg("COUNT").arg(MANY + 2).to_owned();
    let entries = entries(redis, &range).await?;
    if entries.len() > MANY + 1 || entries.first().and_then(|(id, _)| EventId::parse(id)) != Some(since) {
        return Ok(None);
    }
    Ok(entries[1..].iter().map(|(id, fields)| Event::read(id, fields.get("e")?)).collect())
}

async fn entries(redis: &mut impl ConnectionLike, command: &redis::Cmd) -> RedisResult<Vec<(String, HashMap<String, String>)>> {
    command.query_async(redis).await
}
