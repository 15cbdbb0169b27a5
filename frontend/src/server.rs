//! `frontend serve`: the life of the server, from its first signal handler to the last answered request.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::Context as _;
use axum::http::HeaderValue;
use axum::http::header::CONNECTION;
use axum::middleware::map_response;
use axum::response::Response;
use axum::serve::Listener;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::config::Config;
use crate::{http, supervisor};

/// How long requests may go on after the signal to stop. It is shorter than the ten seconds after which Compose kills.
const DRAIN: Duration = Duration::from_secs(8);
/// How long requests are still answered after the signal on connections that are open then: who sends one just now must not find the connection closed.
const LAST_REQUESTS: Duration = Duration::from_millis(300);

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

    let (stop, stopped) = watch::channel(());
    let listener = UntilStopped { listener: Some(listener), stopped: stopped.clone() };
    let app = app.layer(map_response({
        let stopped = stopped.clone();
        move |response| last_answer(response, stopped.clone())
    }));
    let mut draining = stopped;
    let mut server = tokio::spawn(async move {
        axum::serve(listener, app)
            .with_graceful_shutdown(async move {
                // The other end sends once, or goes away together with this process.
                let _ = draining.changed().await;
                sleep(LAST_REQUESTS).await;
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

/// A listener that accepts nothing, and is closed, from the signal on.
struct UntilStopped {
    listener: Option<TcpListener>,
    stopped: watch::Receiver<()>,
}

impl Listener for UntilStopped {
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (TcpStream, SocketAddr) {
        if let Some(listener) = &mut self.listener {
            tokio::select! {
                connection = Listener::accept(listener) => return connection,
                _ = self.stopped.changed() => self.listener = None,
            }
        }
        std::future::pending().await
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.as_ref().map_or_else(|| Err(io::ErrorKind::NotConnected.into()), TcpListener::local_addr)
    }
}

/// From the signal on, each answer is the last one of its connection.
async fn last_answer(mut response: Response, stopped: watch::Receiver<()>) -> Response {
    if stopped.has_changed().unwrap_or(true) {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn first(terminate: &mut Signal, interrupt: &mut Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn from_the_signal_on_nothing_is_accepted_and_answers_are_the_last() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = watch::channel(());
        let mut listener = UntilStopped { listener: Some(listener), stopped: stopped.clone() };
        let (accepted, connected) = tokio::join!(listener.accept(), TcpStream::connect(address));
        assert_eq!(accepted.1, connected.unwrap().local_addr().unwrap());
        assert!(!last_answer(Response::default(), stopped.clone()).await.headers().contains_key(CONNECTION));

        stop.send(()).unwrap();
        // It never accepts again: once it has seen the signal, its socket is closed.
        tokio::select! {
            biased;
            _ = listener.accept() => panic!("it accepted"),
            () = std::future::ready(()) => {}
        }
        assert!(TcpStream::connect(address).await.is_err());
        assert_eq!(last_answer(Response::default(), stopped).await.headers()[CONNECTION], "close");
    }
}
