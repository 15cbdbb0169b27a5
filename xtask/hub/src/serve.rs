//! `hub serve`: the life of the server, from its first signal handler to its end.

use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::feed::socket;
use crate::http;
use crate::patience::PatientListener;
use crate::settings::Settings;
use crate::store::Store;

/// The wish to stop. As PID 1 a process has no default handlers: they are installed before anything else.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(crate) fn install() -> anyhow::Result<Self> {
        let handler = |kind| signal(kind).context("the handlers of termination signals cannot be installed");
        Ok(Self { terminate: handler(SignalKind::terminate())?, interrupt: handler(SignalKind::interrupt())? })
    }

    /// Waits for SIGTERM or SIGINT.
    pub(crate) async fn stop(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Serves until SIGTERM or SIGINT. Streams of events never end by themselves, and browsers come back: nothing is waited for.
pub(crate) async fn run(settings: Settings) -> anyhow::Result<()> {
    let mut signals = Signals::install()?;
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, settings.port))
        .await
        .with_context(|| format!("port {} cannot be opened; set `PORT` to a free one", settings.port))?;
    let port = listener.local_addr().map_or(settings.port, |address| address.port());
    let feeds = socket::bind(&settings.socket)?;
    let store = Arc::new(Store::new());
    let router = http::router(Arc::clone(&store), settings.hosts);
    eprintln!("serving /_dev/ on port {port}, fed through {}", settings.socket.display());
    // The path of the socket stays when this ends: by then it may be that of the program that takes this one's place.
    tokio::select! {
        () = signals.stop() => Ok(()),
        ended = axum::serve(PatientListener { listener, patience: settings.patience }, router).into_future() => ended.context("the server ended"),
        () = socket::accept(feeds, store) => Ok(()),
    }
}
