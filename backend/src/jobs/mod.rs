//! Background jobs: the queue in PostgreSQL, the worker that empties it, and one file for each kind of job.
//!
//! A job is written in the transaction that asks for it, so it exists exactly if the change does. It runs at least once: a worker only holds
//! a lease, and when the worker is lost, another one takes the job after the lease. Therefore every kind of job is idempotent.
pub mod board_stats;
mod queue;
pub mod worker;

pub use self::queue::{Job, NewJob, enqueue};

use crate::live::Publisher;
use sqlx::postgres::PgPool;
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// How a worker works.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How many jobs run at once.
    pub concurrency: usize,
    /// How long a job belongs to a worker that gives no sign of life. The worker renews it three times as often, so that one slow
    /// statement (5 s at most) loses nothing; and a job of a killed worker starts again within this time.
    pub lease: Duration,
    /// How long one attempt takes at most.
    pub attempt_timeout: Duration,
    /// How often to look without being notified: notifications are lost while the listening connection is.
    pub poll: Duration,
    /// How long to wait before the second attempt; doubled with every further one.
    pub backoff: Duration,
    /// How long running jobs may take to finish after a termination signal, before they are handed back.
    pub drain: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            concurrency: 4,
            lease: Duration::from_secs(15),
            attempt_timeout: Duration::from_secs(120),
            poll: Duration::from_secs(5),
            backoff: Duration::from_secs(1),
            // Containers are killed 10 s after the signal.
            drain: Duration::from_secs(7),
        }
    }
}

type Run = Arc<dyn Fn(Job) -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>> + Send + Sync>;

/// What to do for each kind of job. A worker leaves kinds that it does not know to newer workers.
#[derive(Clone, Default)]
pub struct Handlers(HashMap<String, Run>);

impl Handlers {
    /// Adds a kind.
    pub fn with<F>(mut self, kind: &str, run: impl Fn(Job) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        self.0.insert(kind.to_owned(), Arc::new(move |job| Box::pin(run(job))));
        self
    }

    /// The known kinds.
    pub fn kinds(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    fn get(&self, kind: &str) -> Option<Run> {
        self.0.get(kind).cloned()
    }
}

/// The kinds of this application.
pub fn handlers(pool: &PgPool, publisher: &Publisher) -> Handlers {
    let (pool, publisher) = (pool.clone(), publisher.clone());
    Handlers::default().with(board_stats::KIND, move |_| board_stats::run(pool.clone(), publisher.clone()))
}
