//! Attempts at jobs by kind and outcome: how many, how long, and how many at this moment.
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use std::time::Instant;

/// In seconds: from one statement to an attempt that goes through all tasks.
const BUCKETS: [f64; 9] = [0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0];

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The job is done.
    Done,
    /// It failed, and another attempt follows.
    Retried,
    /// It failed, and no attempt is left.
    Failed,
    /// Another worker has the job.
    Lost,
    /// This worker stops, and handed the job back.
    Released,
}

impl Outcome {
    fn label(self) -> &'static str {
        match self {
            Outcome::Done => "done",
            Outcome::Retried => "retried",
            Outcome::Failed => "failed",
            Outcome::Lost => "lost",
            Outcome::Released => "released",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct End {
    #[prometheus(flatten)]
    kind: Kind,
    outcome: &'static str,
}

/// What is counted of jobs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct JobMetrics {
    attempts: Family<End, Counter>,
    durations: Family<Kind, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
}

impl Default for JobMetrics {
    fn default() -> Self {
        JobMetrics {
            attempts: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(BUCKETS)),
            in_flight: Gauge::default(),
        }
    }
}

impl JobMetrics {
    /// Puts them on a page.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("job_attempts", "Attempts at jobs that have ended", self.attempts.clone());
        registry.register_with_unit("job_attempt_duration", "Time that attempts took", Unit::Seconds, self.durations.clone());
        registry.register("jobs_in_flight", "Jobs that this worker works on", self.in_flight.clone());
    }

    /// An attempt begins at a job of a kind that this worker knows.
    pub(crate) fn begin(&self, kind: &str) -> Attempt {
        self.in_flight.inc();
        Attempt { metrics: self.clone(), kind: Kind { kind: kind.to_owned() }, started: Instant::now() }
    }
}

/// An attempt that goes on.
pub(crate) struct Attempt {
    metrics: JobMetrics,
    kind: Kind,
    started: Instant,
}

impl Attempt {
    /// It ended.
    pub(crate) fn end(self, outcome: Outcome) {
        self.metrics.durations.get_or_create(&self.kind).observe(self.started.elapsed().as_secs_f64());
        self.metrics.attempts.get_or_create(&End { kind: self.kind.clone(), outcome: outcome.label() }).inc();
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        self.metrics.in_flight.dec();
    }
}
