//! All that is asked: checks at the same time, journeys step by step beside them, and what is cleaned up afterwards.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::Method;
use tokio::sync::{Semaphore, watch};
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
    /// True once nobody wants to know any more: journeys then only clean up.
    pub(crate) stop: watch::Sender<bool>,
}

/// What a question is put for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// To know the answer: who asked the program to stop does not any more.
    Know,
    /// To remove what was made, in any case.
    CleanUp,
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
                (number, Vec::from_iter(run.step(&check, None, &mut Memory::new(values), Purpose::Know).await))
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
            let Some(outcome) = self.step(step, Some(journey), &mut memory, Purpose::Know).await else { break };
            let failed = outcome.fault.is_some();
            outcomes.push(outcome);
            if failed {
                break;
            }
        }
        for step in &journey.cleanups {
            // What was never made has no name.
            if texts(step).iter().flat_map(|text| names(text)).all(|name| memory.values.has(name)) {
                outcomes.extend(self.step(step, Some(journey), &mut memory, Purpose::CleanUp).await);
            }
        }
        outcomes
    }

    /// Whether nobody wants to know any more.
    pub(crate) fn is_stopped(&self) -> bool {
        *self.stop.borrow()
    }

    /// Waits until nobody wants to know any more.
    async fn stopped(&self) {
        // It ends without that only together with what it is asked of.
        drop(self.stop.subscribe().wait_for(|stop| *stop).await);
    }

    /// One check, tried again as long as it says; nothing where nobody wanted to know before there was anything to say.
    async fn step(&self, check: &Check, journey: Option<&Journey>, memory: &mut Memory, purpose: Purpose) -> Option<Outcome> {
        if purpose == Purpose::Know && self.is_stopped() {
            return None;
        }
        let timeout = check.timeout.unwrap_or(self.defaults.timeout);
        let component = check.component.clone().or_else(|| Some(journey?.component.clone())).unwrap_or_default();
        // What somebody stopped does not come back by itself, however often it is asked.
        let stopped = self.common.facts.service(&component).is_some_and(|service| service.stopped);
        let retry = if stopped { Duration::ZERO } else { check.retry.unwrap_or(self.defaults.retry) };
        let begun = Instant::now();
        let mut pause = PAUSE;
        let fault = loop {
            let asked = ask(&self.common, check, timeout, memory);
            let answered = if purpose == Purpose::CleanUp || makes(check) {
                asked.await
            } else {
                tokio::select! {
                    biased;
                    () = self.stopped() => return None,
                    answered = asked => answered,
                }
            };
            let Err(fault) = answered else { break None };
            let wait = match fault.later {
                // Whoever asked too much at once does as it is told.
                Some(later) if begun.elapsed().saturating_add(later) < PATIENCE => later,
                _ if begun.elapsed() + pause > retry => break Some(fault),
                _ => {
                    let longer = (pause * 2).min(LONGEST_PAUSE);
                    std::mem::replace(&mut pause, longer)
                }
            };
            let stopped = tokio::time::timeout(wait, self.stopped()).await.is_ok();
            match purpose {
                Purpose::CleanUp if stopped => break Some(fault),
                // The next answer might have been the right one.
                Purpose::Know if stopped => return None,
                _ => {}
            }
        };
        Some(Outcome {
            name: journey.map_or_else(|| check.name.clone(), |journey| format!("{}: {}", journey.name, check.name)),
            component,
            time: begun.elapsed(),
            fault,
            hint: check.hint.clone(),
        })
    }
}

/// Whether a request makes something. Its answer is waited for also where nobody wants to know: nobody else says what is to be removed.
fn makes(check: &Check) -> bool {
    let method = check.request.as_ref().and_then(|request| request.method.as_ref());
    method.is_some_and(|method| ![Method::GET, Method::HEAD, Method::OPTIONS].contains(method))
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
