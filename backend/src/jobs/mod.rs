//! Background jobs: the queue in PostgreSQL, the worker that empties it, and one file for each kind of job.
//!
//! A job is written in the transaction that asks for it, so it exists exactly if the change does. It runs at least once: a worker only holds
//! a lease, and when the worker is lost, another one takes the job after the lease. Therefore every kind of job is idempotent.
pub mod board_stats;
pub mod export;
pub mod housekeeping;
mod inspect;
mod password_reset;
mod queue;
pub mod reminders;
pub mod schedule;
pub mod worker;

pub use self::inspect::{Depth, FailedJob, Figures, depth, failed, figures, retry_failed};
pub use self::queue::{Job, NewJob, enqueue};

use crate::live::Publisher;
use crate::mail::{Mail, Mailer, Unsent};
use crate::media::Media;
use crate::resets;
use sqlx::postgres::PgPool;
use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// For attempts that go through all tasks or all files.
const LONG: Duration = Duration::from_secs(30 * 60);

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

type Run = Box<dyn Fn(Job) -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>> + Send + Sync>;

/// What to do for one kind of job.
pub struct Handler {
    run: Run,
    given_up: Option<Run>,
    timeout: Option<Duration>,
}

impl Handler {
    /// A handler. It may run several times for one job, and must then come to the same as once.
    pub fn new<F>(run: impl Fn(Job) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        Handler { run: Box::new(move |job| Box::pin(run(job))), given_up: None, timeout: None }
    }

    /// What to do when no attempt is left, a moment before that is recorded.
    pub fn given_up<F>(self, run: impl Fn(Job) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        Handler { given_up: Some(Box::new(move |job| Box::pin(run(job)))), ..self }
    }

    /// How long one attempt takes at most, if not as long as the settings say.
    pub fn timeout(self, timeout: Duration) -> Self {
        Handler { timeout: Some(timeout), ..self }
    }
}

/// What to do for each kind of job. A worker leaves kinds that it does not know to newer workers.
#[derive(Clone, Default)]
pub struct Handlers(HashMap<String, Arc<Handler>>);

impl Handlers {
    /// Adds a kind.
    pub fn with<F>(self, kind: &str, run: impl Fn(Job) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        self.with_handler(kind, Handler::new(run))
    }

    /// Adds a kind that needs more than a function.
    pub fn with_handler(mut self, kind: &str, handler: Handler) -> Self {
        self.0.insert(kind.to_owned(), Arc::new(handler));
        self
    }

    /// The known kinds.
    pub fn kinds(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    fn get(&self, kind: &str) -> Option<Arc<Handler>> {
        self.0.get(kind).cloned()
    }
}

/// An error that no further attempt mends.
#[derive(Debug)]
pub struct Hopeless(pub anyhow::Error);

impl fmt::Display for Hopeless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.0)
    }
}

impl std::error::Error for Hopeless {}

/// What the jobs of this application work with. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Context {
    /// PostgreSQL.
    pub pool: PgPool,
    /// Live updates.
    pub publisher: Publisher,
    /// Files.
    pub media: Media,
    /// Mail, if it is sent.
    pub mailer: Option<Mailer>,
}

/// Sends the mail of a job. One that the mail server refuses for good is not tried again.
async fn deliver(mailer: &Mailer, mail: &Mail) -> anyhow::Result<()> {
    mailer.send(mail).await.map_err(|unsent| match unsent {
        Unsent::Passing(error) => error,
        Unsent::Lasting(error) => Hopeless(error).into(),
    })
}

/// The kinds of this application. Without mail, reminders are none of them: what is due then is told once there is mail.
pub fn handlers(context: &Context) -> Handlers {
    fn with<F: Future, R: Fn(Context) -> F>(context: &Context, run: R) -> impl Fn(Job) -> F + use<F, R> {
        let context = context.clone();
        move |_| run(context.clone())
    }
    let handlers = Handlers::default()
        .with(board_stats::KIND, with(context, |context| board_stats::run(context.pool, context.publisher)))
        .with_handler(export::KIND, export::handler(context))
        .with_handler(housekeeping::REMOVE_ORPHANS, Handler::new(with(context, housekeeping::remove_orphans)).timeout(LONG))
        .with(housekeeping::PRUNE_JOBS, with(context, housekeeping::prune_jobs))
        .with(housekeeping::PRUNE_IDEMPOTENCY_KEYS, with(context, housekeeping::prune_idempotency_keys))
        .with(housekeeping::PRUNE_PASSWORD_RESETS, with(context, housekeeping::prune_password_resets))
        .with(resets::MAIL, {
            let context = context.clone();
            move |job| password_reset::send(context.clone(), job)
        });
    let Some(mailer) = context.mailer.clone() else { return handlers };
    let sender = context.clone();
    handlers
        .with(reminders::DUE, with(context, |context| reminders::find(context.pool)))
        .with(reminders::MAIL, move |job| reminders::send(sender.clone(), mailer.clone(), job))
}
