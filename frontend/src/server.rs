//! `frontend serve`: the life of the server, from its first signal handler to the last answered request.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{info, warn};

use crate::config::Config;
use crate::{http, supervisor};

/// How long requests may go on after the signal to stop. It is shorter than the ten seconds after which Compose kills.
const DRAIN: Duration = Duration::from_secs(8);

/// Serves until SIGTERM or SIGINT.
pub fn run(config: Config) -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().context("the async runtime does not start")?.block_on(serve(config))
}

async fn serve(config: Config) -> anyhow::Result<()> {
    // First of all: as PID 1 this process has no default handlers, and a signal before this line would be lost.
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be handled")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be handled")?;

    let port = config.port;
    let app = http::router(http::App::new(config)?);
    let listener = match supervisor::inherited()? {
        Some(listener) => TcpListener::from_std(listener)?,
        None => TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))
            .await
            .with_context(|| format!("port {port} cannot be opened; set `PORT` to a free one"))?,
    };
    info!(port, "listening");

    let (stop, stopped) = tokio::sync::watch::channel(());
    let mut draining = stopped.clone();
    let mut server = tokio::spawn(async move {
        axum::serve(listener, app)
            .with_graceful_shutdown(async move {
                // The other end sends once, or goes away together with this process.
                let _ = draining.changed().await;
            })
            .await
    });
    // Settings and site are read, and the socket is open: whoever connects from now on is answered.
    supervisor::ready();
    tokio::select! {
        ended = &mut server => return Ok(ended??),
        () = first(&mut terminate, &mut interrupt) => {}
    }
    info!("stopping: no new connections, answering the requests in progress");
    let _ = stop.send(());
    match tokio::time::timeout(DRAIN, server).await {
        Ok(ended) => ended??,
        Err(_) => warn!(seconds = DRAIN.as_secs(), "some connections did not end in time and are cut"),
    }
    info!("stopped");
    Ok(())
}

async fn first(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}
