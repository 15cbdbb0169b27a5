//! `backend worker`: works on queued jobs.
use crate::config::{Env, WorkerConfig};
use crate::heartbeat::Heartbeat;
use crate::jobs::{self, Context, Settings, worker};
use crate::live::Publisher;
use crate::mail::Mailer;
use crate::media::Media;
use crate::metrics::{self, Connections, JobMetrics};
use crate::shutdown::Shutdown;
use crate::supervisor::Supervisor;
use crate::{database, logging, redis_client};
use tokio::runtime::Builder;

/// Works until a termination signal.
pub fn run() -> anyhow::Result<()> {
    super::block_on(&mut Builder::new_multi_thread(), async {
        // First thing: as PID 1 of a container, a process without handlers ignores termination signals.
        let shutdown = Shutdown::on_signals()?;
        let config = WorkerConfig::read(Env::process())?;
        logging::init("worker", &config.log);
        let pool = database::pool(&config.database, "worker");
        let redis = redis_client::connect_lazily(&config.redis)?;
        let (publisher, publishing) = Publisher::start(redis, config.redis.live_channel.clone());
        let mailer = config.mail.as_ref().map(Mailer::new).transpose()?;
        if mailer.is_none() {
            tracing::info!("reminders are not sent: `MAIL_URL` is not set");
        }
        let context = Context { pool, publisher, media: Media::new(&config.media), mailer };
        let handlers = jobs::handlers(&context);
        let counted = JobMetrics::default();
        if let Some(port) = config.metrics.port {
            let mut registry = metrics::registry(&config.release);
            counted.register(&mut registry);
            registry.register_collector(Box::new(Connections(context.pool.clone())));
            tokio::spawn(metrics::serve(metrics::listen(port.get())?, registry, None, shutdown.clone()));
        }
        tracing::info!(kinds = ?handlers.kinds(), "working");
        let heartbeat = Heartbeat::default().supervised(Supervisor::from_env());
        worker::run(&context.pool, handlers, &Settings::default(), Some(heartbeat), &counted, shutdown).await;
        drop(context);
        publishing.flush().await;
        tracing::info!("stopped");
        Ok(())
    })
}
