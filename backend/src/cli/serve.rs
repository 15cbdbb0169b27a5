//! `backend serve`: the HTTP server.
use crate::config::{Env, ServeConfig};
use crate::http::{Limits, server};
use crate::shutdown::Shutdown;
use crate::supervisor::{self, Supervisor};
use crate::{logging, metrics};
use anyhow::Context;
use std::net::Ipv4Addr;
use tokio::net::TcpListener;
use tokio::runtime::Builder;

/// Serves until a termination signal.
pub fn run() -> anyhow::Result<()> {
    super::block_on(&mut Builder::new_multi_thread(), async {
        // First thing: as PID 1 of a container, a process without handlers ignores termination signals.
        let shutdown = Shutdown::on_signals()?;
        let config = ServeConfig::read(Env::process())?;
        logging::init("backend", &config.log);
        let listener = match supervisor::inherited()? {
            Some(listener) => TcpListener::from_std(listener)?,
            None => TcpListener::bind((Ipv4Addr::UNSPECIFIED, config.server.port))
                .await
                .with_context(|| format!("port {} cannot be listened on: stop what uses it, or set another `PORT`", config.server.port))?,
        };
        let metrics = config.metrics.port.map(|port| metrics::listen(port.get())).transpose()?;
        tracing::info!(port = config.server.port, version = config.release.version, "listening");
        server::serve(listener, metrics, &config, Limits::default(), &Supervisor::from_env(), shutdown).await?;
        tracing::info!("stopped");
        Ok(())
    })
}
