//! The worker: claims jobs, runs some at once, keeps their leases, and records how they ended.
use super::queue::{self, Job};
use super::{Handler, Handlers, Hopeless, Settings, schedule};
use crate::database;
use crate::heartbeat::Heartbeat;
use crate::metrics::{JobMetrics, Outcome};
use crate::shutdown::Shutdown;
use futures_util::FutureExt;
use sqlx::postgres::{PgListener, PgPool};
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout, timeout_at};
use tracing::Instrument;

/// How long to wait when the database is away.
const AWAY: Duration = Duration::from_secs(1);
/// How long to wait for a job that is due but locked.
const LOCKED: Duration = Duration::from_millis(50);
/// The longest wait between two attempts.
const MAX_BACKOFF: Duration = Duration::from_secs(600);
/// No statement of the queue takes longer on a connection that is well; a stopped database must not stop the main loop.
const BOUND: Duration = Duration::from_secs(6);
/// How often to look at the schedule.
const SCHEDULE_INTERVAL: Duration = Duration::from_secs(30);

/// Works until asked to stop. Jobs that are running then may finish, and are handed back when they do not.
pub async fn run(
    pool: &PgPool,
    handlers: Handlers,
    settings: &Settings,
    heartbeat: Option<Heartbeat>,
    metrics: &JobMetrics,
    shutdown: Shutdown,
) {
    if let Some(heartbeat) = &heartbeat {
        heartbeat.begin();
    }
    let kinds = handlers.kinds();
    let wake = Notify::new();
    let mut running = JoinSet::new();
    tokio::select! {
        () = listen(pool, &wake) => {}
        () = keep_schedule(pool, &kinds) => {}
        () = work(pool, &handlers, &kinds, settings, heartbeat.as_ref(), metrics, &wake, &mut running, &shutdown) => {}
    }
    if timeout(settings.drain, async { while running.join_next().await.is_some() {} }).await.is_err() {
        tracing::warn!(jobs = running.len(), "jobs could not be handed back, they start again when their leases end");
    }
}

/// The main loop. It ends when the process is asked to stop.
#[expect(clippy::too_many_arguments, reason = "the loop's whole state, borrowed from `run`, which goes on using it")]
async fn work(
    pool: &PgPool,
    handlers: &Handlers,
    kinds: &[String],
    settings: &Settings,
    heartbeat: Option<&Heartbeat>,
    metrics: &JobMetrics,
    wake: &Notify,
    running: &mut JoinSet<()>,
    shutdown: &Shutdown,
) {
    let mut away = false;
    // The file appears once the queue was reached: ready once, then alive.
    let mut ready = false;
    while !shutdown.is_requested() {
        let full = running.len() >= settings.concurrency;
        let look = async {
            if full {
                return Ok(Found::Nothing(None));
            }
            match queue::claim(pool, kinds, settings.lease).await? {
                Some(job) => Ok::<_, sqlx::Error>(Found::Job(job)),
                None => Ok(Found::Nothing(queue::next_due(pool, kinds).await?)),
            }
        };
        let found = match alive(ready.then_some(heartbeat).flatten(), timeout(BOUND, look)).await {
            Ok(found) => found.map_err(|error| database::reason(&error)),
            Err(_) => Err("no answer in time".to_owned()),
        };
        let wait = match found {
            Ok(found) => {
                if std::mem::take(&mut away) {
                    tracing::info!("the database is back");
                }
                if !std::mem::replace(&mut ready, true)
                    && let Some(heartbeat) = heartbeat
                {
                    heartbeat.ready();
                }
                match found {
                    Found::Job(job) => {
                        running.spawn(attempt(pool.clone(), handlers.clone(), settings.clone(), job, metrics.clone(), shutdown.clone()));
                        Duration::ZERO
                    }
                    // Not at once, even if one is due: then somebody else has it locked.
                    Found::Nothing(due) => due.map_or(settings.poll, |due| due.max(LOCKED).min(settings.poll)),
                }
            }
            Err(error) => {
                if let Some(heartbeat) = heartbeat.filter(|_| !ready) {
                    heartbeat.waits(&error);
                }
                if !std::mem::replace(&mut away, true) {
                    tracing::warn!(error, "the database is away, waiting for it");
                }
                AWAY
            }
        };
        alive(ready.then_some(heartbeat).flatten(), pause(wait, wake, running, shutdown)).await;
    }
}

enum Found {
    Job(Job),
    Nothing(Option<Duration>),
}

/// Waits, with signs of life of a worker that was ready once.
async fn alive<T>(heartbeat: Option<&Heartbeat>, work: impl Future<Output = T>) -> T {
    match heartbeat {
        Some(heartbeat) => heartbeat.during(work).await,
        None => work.await,
    }
}

/// Waits for the given time, a notification, a finished job or the end.
async fn pause(wait: Duration, wake: &Notify, running: &mut JoinSet<()>, shutdown: &Shutdown) {
    tokio::select! {
        () = shutdown.requested() => {}
        () = wake.notified() => {}
        Some(_) = running.join_next() => {}
        () = sleep(wait) => {}
    }
}

/// Runs a job once, keeps its lease meanwhile, and records how it ended.
async fn attempt(pool: PgPool, handlers: Handlers, settings: Settings, job: Job, metrics: JobMetrics, shutdown: Shutdown) {
    let span = tracing::info_span!("job", job_id = %job.id, kind = job.kind, attempt = job.attempts);
    async {
        let started = Instant::now();
        let counted = metrics.begin(&job.kind);
        let handler = handlers.get(&job.kind);
        let outcome = tokio::select! {
            outcome = handle(handler.as_deref(), &settings, &job) => outcome,
            () = keep_lease(&pool, &job, settings.lease) => {
                tracing::warn!("the lease was lost, another worker has the job");
                counted.end(Outcome::Lost);
                return;
            }
            () = drained(&shutdown, settings.drain) => {
                if let Err(error) = queue::release(&pool, &job).await {
                    tracing::warn!(%error, "the job could not be handed back, it starts again when its lease ends");
                }
                counted.end(Outcome::Released);
                return;
            }
        };
        let ms = started.elapsed().as_millis() as u64;
        let recorded = match outcome {
            Ok(()) => {
                tracing::info!(ms, "job done");
                counted.end(Outcome::Done);
                queue::finish(&pool, &job).await
            }
            Err(Failure { error, last }) if last || job.attempts >= job.max_attempts => {
                tracing::error!(ms, error, "job failed, no attempt is left");
                counted.end(Outcome::Failed);
                give_up(handler.as_deref(), &job).await;
                queue::fail(&pool, &job, &error).await
            }
            Err(Failure { error, .. }) => {
                let delay = backoff(settings.backoff, job.attempts);
                tracing::warn!(ms, error, retry_in_ms = delay.as_millis() as u64, "job failed, it is tried again");
                counted.end(Outcome::Retried);
                queue::retry(&pool, &job, &error, delay).await
            }
        };
        if let Err(error) = recorded {
            tracing::warn!(%error, "the job's end could not be recorded, it runs again when its lease ends");
        }
    }
    .instrument(span)
    .await;
}

/// How an attempt failed.
struct Failure {
    error: String,
    /// No further attempt would help.
    last: bool,
}

/// Runs the handler; a panic or a timeout is an error like any other.
async fn handle(handler: Option<&Handler>, settings: &Settings, job: &Job) -> Result<(), Failure> {
    let failure = |error: String| Failure { error, last: false };
    if job.attempts > job.max_attempts {
        return Err(failure("the worker was lost during the last attempt".to_owned()));
    }
    let Some(handler) = handler else { return Err(failure(format!("no handler for the kind `{}`", job.kind))) };
    let limit = handler.timeout.unwrap_or(settings.attempt_timeout);
    match timeout(limit, AssertUnwindSafe(async { (handler.run)(job.clone()).await }).catch_unwind()).await {
        Ok(Ok(outcome)) => outcome.map_err(|error| Failure { error: format!("{error:#}"), last: error.is::<Hopeless>() }),
        Ok(Err(_)) => Err(failure("the handler panicked".to_owned())),
        Err(_) => Err(failure(format!("not finished within {} s", limit.as_secs()))),
    }
}

/// Lets the handler know that its job will not be done. If the database is away, the failure is not recorded either, and both happen later.
async fn give_up(handler: Option<&Handler>, job: &Job) {
    let Some(given_up) = handler.and_then(|handler| handler.given_up.as_ref()) else { return };
    match timeout(BOUND, AssertUnwindSafe(async { given_up(job.clone()).await }).catch_unwind()).await {
        Ok(Ok(Ok(()))) => {}
        Ok(Ok(Err(error))) => tracing::warn!(error = format!("{error:#}"), "what follows from giving up was not done"),
        Ok(Err(_)) | Err(_) => tracing::warn!("what follows from giving up was not done"),
    }
}

/// Ends when the lease is lost: taken over, or not renewed in time because the database was away.
async fn keep_lease(pool: &PgPool, job: &Job, lease: Duration) {
    let mut valid_until = Instant::now() + lease;
    let mut tick = interval(lease / 3);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tick.tick().await;
    loop {
        tick.tick().await;
        let asked_at = Instant::now();
        match timeout_at(valid_until, queue::renew(pool, job, lease)).await {
            Ok(Ok(true)) => valid_until = asked_at + lease,
            Ok(Ok(false)) | Err(_) => return,
            Ok(Err(_)) if Instant::now() >= valid_until => return,
            Ok(Err(_)) => {}
        }
    }
}

/// Ends when a stopping worker waits no longer, a moment before it gives up on its tasks, so that they can hand their jobs back.
async fn drained(shutdown: &Shutdown, drain: Duration) {
    shutdown.requested().await;
    sleep(drain.mul_f64(0.8)).await;
}

/// Doubles with every attempt; half of it is random, so that jobs that failed together do not come back together.
fn backoff(base: Duration, attempt: i32) -> Duration {
    let exponent = u32::try_from(attempt - 1).unwrap_or(0).min(20);
    let full = base.saturating_mul(1 << exponent).min(MAX_BACKOFF);
    // The random bits of a fresh id save a dependency.
    let jitter = f64::from(uuid::Uuid::new_v4().as_fields().0) / f64::from(u32::MAX);
    full.mul_f64(0.5 + jitter / 2.0)
}

/// Wakes the main loop for every notification, and connects again when the connection is lost.
async fn listen(pool: &PgPool, wake: &Notify) {
    loop {
        if let Ok(mut listener) = PgListener::connect_with(pool).await
            && listener.listen(queue::CHANNEL).await.is_ok()
        {
            // What was notified before the connection was made is found by looking.
            wake.notify_one();
            while let Ok(Some(_)) = listener.try_recv().await {
                wake.notify_one();
            }
        }
        sleep(AWAY).await;
    }
}

/// Enqueues recurring jobs when they are due.
async fn keep_schedule(pool: &PgPool, kinds: &[String]) {
    let mut tick = interval(SCHEDULE_INTERVAL);
    loop {
        tick.tick().await;
        if let Err(error) = schedule::tick(pool, kinds).await {
            tracing::debug!(%error, "recurring jobs could not be looked at");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_within_bounds() {
        for (attempt, seconds) in [(1, 1.0), (2, 2.0), (5, 16.0), (11, 600.0), (100, 600.0)] {
            let delay = backoff(Duration::from_secs(1), attempt).as_secs_f64();
            assert!((seconds / 2.0..=seconds).contains(&delay), "attempt {attempt}: {delay}");
        }
    }
}
