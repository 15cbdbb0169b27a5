//! A client that asks all the time, whether or not it has been answered: what it is refused, and when it sees the new code.

use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::Client;
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::now;

/// How often it asks.
const EVERY: Duration = Duration::from_millis(5);
/// How long it waits for an answer; later ones count as none.
const PATIENCE: Duration = Duration::from_secs(10);
/// So many questions may be open at once: where nothing answers, it asks no more.
const OPEN: usize = 64;

/// What came of the questions.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tally {
    /// How many there were.
    pub(crate) asked: u32,
    /// Those without an answer, or with one that is no success.
    pub(crate) failed: u32,
    /// From the first such question to the end of the last one, in milliseconds.
    pub(crate) away: f64,
    /// The longest time to a good answer.
    pub(crate) slowest: f64,
    /// When the new code answered first.
    pub(crate) live: Option<f64>,
    first_failed: Option<f64>,
}

/// The answer to one question.
#[derive(Clone, Copy, Debug)]
struct Answer {
    asked: f64,
    answered: f64,
    good: bool,
    /// It comes from the new code.
    new: bool,
}

/// A client at work.
#[derive(Debug)]
pub(crate) struct Traffic {
    stop: watch::Sender<bool>,
    live: watch::Receiver<Option<f64>>,
    tally: JoinHandle<Tally>,
}

impl Traffic {
    /// Starts asking `url` for the version; new code answers with `number`.
    pub(crate) fn start(url: &str, number: u32) -> anyhow::Result<Self> {
        let client = Client::builder().no_proxy().timeout(PATIENCE).build()?;
        let (stop, stopped) = watch::channel(false);
        let (tell, live) = watch::channel(None);
        let tally = tokio::spawn(ask(client, format!("{url}/api/v1/version"), number, stopped, tell));
        Ok(Self { stop, live, tally })
    }

    /// Waits until the new code answers.
    ///
    /// # Errors
    /// When that takes longer than `patience`.
    pub(crate) async fn live(&mut self, patience: Duration) -> anyhow::Result<f64> {
        match timeout(patience, self.live.wait_for(Option::is_some)).await {
            Ok(live) => live?.context("the new code answered"),
            Err(_) => bail!("the new code does not answer within {} s", patience.as_secs()),
        }
    }

    /// Ends it, with the last answers.
    pub(crate) async fn stop(self) -> anyhow::Result<Tally> {
        self.stop.send_replace(true);
        Ok(self.tally.await?)
    }
}

async fn ask(client: Client, url: String, number: u32, mut stopped: watch::Receiver<bool>, live: watch::Sender<Option<f64>>) -> Tally {
    let (mut tally, mut open, mut ticks) = (Tally::default(), JoinSet::new(), interval(EVERY));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            // It ends also when nobody is left to stop it.
            _ = stopped.changed() => break,
            Some(answer) = open.join_next() => take(&mut tally, answer.ok(), &live),
            _ = ticks.tick(), if open.len() < OPEN => {
                open.spawn(question(client.clone(), url.clone(), number));
            }
        }
    }
    while let Some(answer) = open.join_next().await {
        take(&mut tally, answer.ok(), &live);
    }
    tally
}

async fn question(client: Client, url: String, number: u32) -> Answer {
    let asked = now();
    let body = async { client.get(&url).send().await?.error_for_status()?.json::<Value>().await };
    let body = body.await.ok();
    let new = body.as_ref().is_some_and(|body| body["dev_loop"] == number);
    Answer { asked, answered: now(), good: body.is_some(), new }
}

fn take(tally: &mut Tally, answer: Option<Answer>, live: &watch::Sender<Option<f64>>) {
    let Some(answer) = answer else { return };
    tally.add(answer);
    if tally.live.is_some() {
        live.send_if_modified(|known| std::mem::replace(known, tally.live) != tally.live);
    }
}

impl Tally {
    fn add(&mut self, answer: Answer) {
        self.asked += 1;
        if !answer.good {
            self.failed += 1;
            let first = self.first_failed.map_or(answer.asked, |first| first.min(answer.asked));
            self.first_failed = Some(first);
            self.away = self.away.max(answer.answered - first);
            return;
        }
        self.slowest = self.slowest.max(answer.answered - answer.asked);
        if answer.new {
            self.live = Some(self.live.map_or(answer.answered, |live| live.min(answer.answered)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted() {
        let mut tally = Tally::default();
        let answer = |asked, answered, good, new| Answer { asked, answered, good, new };
        for one in [
            answer(0.0, 2.0, true, false),
            answer(10.0, 11.0, false, false),
            answer(30.0, 34.0, false, false),
            answer(32.0, 60.0, true, true),
            answer(40.0, 50.0, true, true),
        ] {
            tally.add(one);
        }
        assert_eq!((tally.asked, tally.failed, tally.away, tally.slowest, tally.live), (5, 2, 24.0, 28.0, Some(50.0)));
    }
}
