//! The harness: a database and a Redis channel for each test, servers and workers on them, and connections that can be cut.
mod client;
mod database;
mod link;
mod server;
mod smtp;
mod socket;

pub(crate) use self::client::{Client, PASSWORD};
pub(crate) use self::link::Link;
pub(crate) use self::server::{Answer, Server, send};
pub(crate) use self::smtp::Postbox;
pub(crate) use self::socket::Socket;

use backend::config::{DatabaseConfig, MailConfig, MediaConfig, RedisConfig};
use backend::heartbeat::Heartbeat;
use backend::http::Limits;
use backend::jobs::{Context, Handlers, Settings, worker};
use backend::live::Publisher;
use backend::mail::Mailer;
use backend::media::Media;
use backend::metrics::JobMetrics;
use backend::shutdown::{Shutdown, Trigger};
use backend::{database as db, redis_client};
use futures_util::FutureExt;
use redis::IntoConnectionInfo;
use sqlx::PgPool;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

/// Everything takes far less on a machine that is well; a test that waits this long has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What one test has for itself.
pub(crate) struct Bench {
    pub(crate) database: DatabaseConfig,
    pub(crate) redis: RedisConfig,
    pub(crate) pool: PgPool,
}

/// Runs a test on a migrated database of its own.
pub(crate) async fn run(test: impl AsyncFnOnce(&Bench)) {
    run_on(database::create_migrated().await, test).await;
}

/// Runs a test on an empty database of its own.
pub(crate) async fn run_unmigrated(test: impl AsyncFnOnce(&Bench)) {
    run_on(database::create_empty().await, test).await;
}

async fn run_on(name: String, test: impl AsyncFnOnce(&Bench)) {
    let database = database::config(&name);
    let redis = RedisConfig { info: redis_url().into_connection_info().unwrap(), live_channel: name.clone() };
    let bench = Bench { pool: db::pool(&database, "test"), database, redis };
    let outcome = AssertUnwindSafe(test(&bench)).catch_unwind().await;
    bench.pool.close().await;
    let _ = std::fs::remove_dir_all(media(&bench.database).dir);
    database::drop(&name).await;
    if let Err(panic) = outcome {
        resume_unwind(panic);
    }
}

impl Bench {
    /// A server with the default limits.
    pub(crate) async fn server(&self) -> Server {
        self.server_with(Limits::default()).await
    }

    pub(crate) async fn server_with(&self, limits: Limits) -> Server {
        Server::start(self.database.clone(), self.redis.clone(), limits).await
    }

    /// A server whose database is reached through a link that can be cut.
    pub(crate) async fn server_with_database_link(&self) -> (Server, Link) {
        let (link, database) = self.database_link().await;
        (Server::start(database, self.redis.clone(), Limits::default()).await, link)
    }

    /// A server whose Redis is reached through a link that can be cut.
    pub(crate) async fn server_with_redis_link(&self) -> (Server, Link) {
        let url = redis_url();
        let (target, number) = url.strip_prefix("redis://").and_then(|rest| rest.split_once('/')).unwrap();
        let link = Link::to(target.to_owned()).await;
        let info = format!("redis://127.0.0.1:{}/{number}", link.port).into_connection_info().unwrap();
        let redis = RedisConfig { info, ..self.redis.clone() };
        (Server::start(self.database.clone(), redis, Limits::default()).await, link)
    }

    pub(crate) async fn database_link(&self) -> (Link, DatabaseConfig) {
        let options = &self.database.options;
        let link = Link::to(format!("{}:{}", options.get_host(), options.get_port())).await;
        let options = options.clone().host("127.0.0.1").port(link.port);
        (link, DatabaseConfig { options, secret: None })
    }

    /// Waits until this many servers receive live updates.
    pub(crate) async fn subscribed(&self, servers: i64) {
        let redis = redis_client::connect_lazily(&self.redis).unwrap();
        eventually("all servers receive live updates", async || {
            let mut ask = redis::cmd("PUBSUB");
            ask.arg("NUMSUB").arg(&self.redis.live_channel);
            let (_, count): (String, i64) = ask.query_async(&mut redis.clone()).await.unwrap();
            count == servers
        })
        .await;
    }

    /// What jobs work with.
    pub(crate) fn context(&self, mail: Option<&MailConfig>) -> Context {
        let redis = redis_client::connect_lazily(&self.redis).unwrap();
        let (publisher, _) = Publisher::start(redis, self.redis.live_channel.clone());
        let mailer = mail.map(|config| Mailer::new(config).unwrap());
        Context { pool: self.pool.clone(), publisher, media: self.media(), mailer }
    }

    /// The media directory of this test.
    pub(crate) fn media(&self) -> Media {
        Media::new(&media(&self.database))
    }

    /// A worker with the handlers of the application.
    pub(crate) fn worker(&self) -> Worker {
        self.worker_with(backend::jobs::handlers(&self.context(None)), Settings::default())
    }

    pub(crate) fn worker_with(&self, handlers: Handlers, settings: Settings) -> Worker {
        Worker::start(&self.database, handlers, settings)
    }
}

/// A worker, as a process would run it.
pub(crate) struct Worker {
    trigger: Trigger,
    task: JoinHandle<()>,
    pub(crate) heartbeat: Heartbeat,
    pub(crate) metrics: JobMetrics,
}

impl Worker {
    pub(crate) fn start(database: &DatabaseConfig, handlers: Handlers, settings: Settings) -> Self {
        let (trigger, shutdown) = Shutdown::manual();
        let path = std::env::temp_dir().join(format!("backend-test-{}", uuid::Uuid::now_v7()));
        let heartbeat = Heartbeat::at(path);
        let (pool, beat) = (db::pool(database, "worker"), heartbeat.clone());
        let metrics = JobMetrics::default();
        let counted = metrics.clone();
        let task = tokio::spawn(async move { worker::run(&pool, handlers, &settings, Some(beat), &counted, shutdown).await });
        Worker { trigger, task, heartbeat, metrics }
    }

    /// Ends it as SIGKILL would.
    pub(crate) async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
        self.heartbeat.clear();
    }

    /// Ends it as SIGTERM does.
    pub(crate) async fn stop(self) {
        self.trigger.request();
        self.task.await.unwrap();
        self.heartbeat.clear();
    }
}

/// Waits until something holds, and fails the test with `what` if it never does.
pub(crate) async fn eventually(what: &str, condition: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition().await {
        assert!(Instant::now() < deadline, "never came true: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// The media directory of a test is named like its database.
fn media(database: &DatabaseConfig) -> MediaConfig {
    let name = database.options.get_database().unwrap();
    MediaConfig { dir: std::env::temp_dir().join(name), max_attachment_bytes: 1 << 20 }
}

fn redis_url() -> String {
    required("TEST_REDIS_URL")
}

fn required(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| panic!("`{variable}` is not set: run `cargo xtask test`, which starts them"))
}
