//! Publishes messages in the order they come, without making anybody wait for Redis.
use super::event::{Audience, envelope};
use super::{Event, Message};
use redis::aio::ConnectionManager;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

/// More than this many waiting messages mean that Redis does not keep up; clients fetch again afterwards anyway.
const QUEUE: usize = 1024;
const RETRY: Duration = Duration::from_secs(1);
const FLUSH: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(1);

/// How many events can be resumed from, about.
const KEEP: u32 = 2000;
/// One step, so that events have the same order in the stream and on the channel.
const PUBLISH: &str = "local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', 'e', ARGV[3])
redis.call('PUBLISH', ARGV[1], id .. ' ' .. ARGV[3])";

/// Takes messages to publish. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Publisher(mpsc::Sender<String>);

/// The task behind the publishers. It ends when all of them are gone.
#[derive(Debug)]
pub struct Publishing(JoinHandle<()>);

impl Publisher {
    /// Starts publishing on a channel.
    pub fn start(redis: ConnectionManager, channel: String) -> (Publisher, Publishing) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        (Publisher(sender), Publishing(tokio::spawn(run(redis, channel, receiver))))
    }

    /// Publishes a message soon. It may be lost when Redis is away: then clients are told to fetch again once Redis is back.
    pub fn publish(&self, message: &Message, audience: &Audience) {
        if self.0.try_send(envelope(message, audience)).is_err() {
            tracing::warn!("a live update was dropped: Redis does not keep up");
        }
    }
}

impl Publishing {
    /// Waits a moment for what is still to be published. All publishers must be gone.
    pub async fn flush(mut self) {
        if timeout(FLUSH, &mut self.0).await.is_err() {
            self.0.abort();
        }
    }
}

async fn run(mut redis: ConnectionManager, channel: String, mut receiver: mpsc::Receiver<String>) {
    // Set while messages are lost: when to try to tell clients to fetch again.
    let mut retry_at: Option<Instant> = None;
    loop {
        let message = tokio::select! {
            biased;
            () = sleep_until(retry_at.unwrap_or_else(Instant::now)), if retry_at.is_some() => envelope(&Message::Resync, &Audience::Everyone),
            message = receiver.recv() => match message {
                // Not worth a try that fails: the next resync covers it.
                Some(_) if retry_at.is_some() => continue,
                Some(message) => message,
                None => return,
            },
        };
        let mut publish = redis::cmd("EVAL");
        publish.arg(PUBLISH).arg(1).arg(Event::stream(&channel)).arg(&channel).arg(KEEP).arg(&message);
        let error = match timeout(TIMEOUT, publish.query_async::<()>(&mut redis)).await {
            Ok(Ok(())) => {
                if retry_at.take().is_some() {
                    tracing::info!("live updates are published again");
                }
                continue;
            }
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        if retry_at.replace(Instant::now() + RETRY).is_none() {
            tracing::warn!(error, "live updates are not published: Redis is away");
        }
    }
}
