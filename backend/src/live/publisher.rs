//! Publishes messages in the order they come, without making anybody wait for Redis.
use super::Message;
use axum::extract::ws::Utf8Bytes;
use redis::aio::ConnectionManager;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

/// More than this many waiting messages mean that Redis does not keep up; clients fetch again afterwards anyway.
const QUEUE: usize = 1024;
const RETRY: Duration = Duration::from_secs(1);
const FLUSH: Duration = Duration::from_secs(1);
const TIMEOUT: Duration = Duration::from_secs(1);

/// Takes messages to publish. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Publisher(mpsc::Sender<Utf8Bytes>);

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
    pub fn publish(&self, message: &Message) {
        if self.0.try_send(message.text()).is_err() {
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

async fn run(mut redis: ConnectionManager, channel: String, mut receiver: mpsc::Receiver<Utf8Bytes>) {
    // Whether messages were lost since clients were last told to fetch again.
    let mut lost = false;
    loop {
        let message = tokio::select! {
            biased;
            () = sleep(RETRY), if lost => Message::Resync.text(),
            message = receiver.recv() => match message {
                // Not worth a try that fails: the next resync covers it.
                Some(_) if lost => continue,
                Some(message) => message,
                None => return,
            },
        };
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(&channel).arg(message.as_str());
        match timeout(TIMEOUT, publish.query_async::<()>(&mut redis)).await {
            Ok(Ok(())) if lost => {
                tracing::info!("live updates are published again");
                lost = false;
            }
            Ok(Ok(())) => {}
            outcome => {
                if !lost {
                    let error = outcome.map_or_else(|_| "no answer in time".to_owned(), |result| format!("{result:?}"));
                    tracing::warn!(error, "live updates are not published: Redis is away");
                }
                lost = true;
            }
        }
    }
}
