//! All that is asked: checks at the same time, journeys step by step beside them, and what is cleaned up afterwards.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::ask::{Common, Memory, ask};
use crate::outcome::{Fault, Outcome};
use crate::suite::{Check, Defaults, Journey};
use crate::validate::texts;
use crate::values::{Values, names};

/// The pause after the first try; it doubles up to [`LONGEST_PAUSE`].
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// For so long a check waits, all in all, where it is told to ask later.
const PATIENCE: Duration = Duration::from_secs(60);

/// The name of the value that is another one for each journey.
pub(crate) const UNIQUE: &str = "unique";

/// How a suite is run.
pub(crate) struct Run {
    /// What all checks have in common.
    pub(crate) common: Arc<Common>,
    /// What a check has unless it says otherwise.
    pub(crate) defaults: Defaults,
    /// Set once nobody wants to know any more: journeys then only clean up.
    pub(crate) stop: Arc<AtomicBool>,
}

impl Run {
    /// Asks everything, `parallel` at the same time, and says what became of it in the order of the file.
    pub(crate) async fn all(self: Arc<Self>, checks: Vec<Check>, journeys: Vec<Journey>, values: &Values, parallel: usize) -> Vec<Outcome> {
        let turns = Arc::new(Semaphore::new(parallel));
        let mut tasks = JoinSet::new();
        // The longest ones begin first.
        let count = checks.len();
        for (number, journey) in journeys.into_iter().enumerate() {
            let (run, turns, values) = (Arc::clone(&self), Arc::clone(&turns), values.clone());
            tasks.spawn(async move {
                let _turn = turns.acquire().await;
                (count + number, run.journey(&journey, values).await)
            });
        }
        for (number, check) in checks.into_iter().enumerate() {
            let (run, turns, values) = (Arc::clone(&self), Arc::clone(&turns), values.clone());
            tasks.spawn(async move {
                let _turn = turns.acquire().await;
                (number, vec![run.step(&check, None, &mut Memory::new(values)).await])
            });
        }
        let mut outcomes = Vec::new();
        while let Some(done) = tasks.join_next().await {
            match done {
                Ok(done) => outcomes.push(done),
                // Its own fault, which is told as one.
                Err(error) => outcomes.push((usize::MAX, vec![panicked(&error)])),
            }
        }
        outcomes.sort_by_key(|(number, _)| *number);
        outcomes.into_iter().flat_map(|(_, outcomes)| outcomes).collect()
    }

    async fn journey(&self, journey: &Journey, mut values: Values) -> Vec<Outcome> {
        values.set(UNIQUE, format!("{:016x}", RandomState::new().hash_one(())));
        let mut memory = Memory::new(values);
        let mut outcomes = Vec::new();
        for step in &journey.steps {
            if self.stop.load(Ordering::SeqCst) {
                break;
            }
            outcomes.push(self.step(step, Some(journey), &mut memory).await);
            if outcomes.last().is_some_and(|outcome| outcome.fault.is_some()) {
                break;
            }
        }
        for step in &journey.cleanups {
            // What was never made has no name.
            if texts(step).iter().flat_map(|text| names(text)).all(|name| memory.values.has(name)) {
                outcomes.push(self.step(step, Some(journey), &mut memory).await);
            }
        }
        outcomes
    }

    /// One check, tried again as long as it says.
    async fn step(&self, check: &Check, journey: Option<&Journey>, memory: &mut Memory) -> Outcome {
        let timeout = check.timeout.unwrap_or(self.defaults.timeout);
        let component = check.component.clone().or_else(|| Some(journey?.component.clone())).unwrap_or_default();
        // What somebody stopped does not come back by itself, however often it is asked.
        let stopped = self.common.facts.service(&component).is_some_and(|service| service.stopped);
        let retry = if stopped { Duration::ZERO } else { check.retry.unwrap_or(self.defaults.retry) };
        let begun = Instant::now();
        let mut pause = PAUSE;
        let fault = loop {
            let fault = ask(&self.common, check, timeout, memory).await.err();
            // Whoever asked too much at once does as it is told.
            if let Some(later) = fault.as_ref().and_then(|fault| fault.later)
                && begun.elapsed().saturating_add(later) < PATIENCE
                && !self.stop.load(Ordering::SeqCst)
            {
                tokio::time::sleep(later).await;
                continue;
            }
            if fault.is_none() || begun.elapsed() + pause > retry || self.stop.load(Ordering::SeqCst) {
                break fault;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        };
        Outcome {
            name: journey.map_or_else(|| check.name.clone(), |journey| format!("{}: {}", journey.name, check.name)),
            component,
            time: begun.elapsed(),
            fault,
            hint: check.hint.clone(),
        }
    }
}

fn panicked(error: &tokio::task::JoinError) -> Outcome {
    Outcome {
        name: "the smoke program itself".to_owned(),
        component: "smoke".to_owned(),
        time: Duration::ZERO,
        fault: Some(Fault::wrong(error.to_string())),
        hint: Some("report this as a bug".to_owned()),
    }
}

#[cfg(test)]
mod tests;
