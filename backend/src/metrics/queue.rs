//! The queue of jobs: one short query when somebody asks. It is the servers' to answer, because the queue grows while no worker is there.
use super::connections::gauge;
use crate::jobs::{self, Depth};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;
use sqlx::postgres::PgPool;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// A database that takes longer counts as away: whoever asks waits for ten seconds, and wants the other metrics then all the more.
const BOUND: Duration = Duration::from_secs(1);
/// Two who ask at the same time get the same answer.
const FRESH: Duration = Duration::from_secs(1);

/// How the queue stands. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Queue {
    pool: PgPool,
    asked: Arc<tokio::sync::Mutex<Option<Instant>>>,
    /// Nothing, where the database did not answer: an old figure would look like one of now.
    depth: Arc<Mutex<Option<Depth>>>,
}

impl Queue {
    /// The queue in this database.
    pub fn new(pool: PgPool) -> Self {
        Queue { pool, asked: Arc::default(), depth: Arc::default() }
    }

    /// Looks again, unless somebody has just looked.
    pub(super) async fn look(&self) {
        let mut asked = self.asked.lock().await;
        if asked.is_some_and(|asked| asked.elapsed() < FRESH) {
            return;
        }
        let depth = timeout(BOUND, jobs::depth(&self.pool)).await.ok().and_then(Result::ok);
        *self.depth.lock().unwrap_or_else(PoisonError::into_inner) = depth;
        *asked = Some(Instant::now());
    }
}

impl Collector for Queue {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let depth = *self.depth.lock().unwrap_or_else(PoisonError::into_inner);
        gauge(&mut encoder, "queue_readable", "Whether the database told how the queue stands", i64::from(depth.is_some()))?;
        let Some(depth) = depth else { return Ok(()) };
        let help = "Jobs by state: ready for a worker, waiting for their time, held by a worker, given up";
        let mut family = encoder.encode_descriptor("queue_jobs", help, None, MetricType::Gauge)?;
        for (state, count) in [("ready", depth.ready), ("waiting", depth.waiting), ("running", depth.running), ("failed", depth.failed)] {
            ConstGauge::new(count).encode(family.encode_family(&[("state", state)])?)?;
        }
        let help = "For how long the first job in the line has been ready";
        let oldest = encoder.encode_descriptor("queue_oldest_ready", help, Some(&Unit::Seconds), MetricType::Gauge)?;
        ConstGauge::new(depth.oldest_seconds).encode(oldest)
    }
}
