//! The listener that metrics are fetched from: a port of its own, which the proxy knows nothing of.
use super::Queue;
use crate::shutdown::Shutdown;
use anyhow::Context;
use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus_client::encoding::text;
use prometheus_client::registry::Registry;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::{TcpListener, TcpSocket};

/// The format: OpenMetrics, which Prometheus asks for first.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// More than ever ask at once.
const BACKLOG: u32 = 64;

/// Listens on `port`, on all addresses. The process that takes this one's place in development may listen there already.
pub fn listen(port: u16) -> anyhow::Result<TcpListener> {
    let listen = || {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.set_reuseport(true)?;
        socket.bind(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))?;
        socket.listen(BACKLOG)
    };
    listen().with_context(|| format!("port {port} cannot be listened on: stop what uses it, or set another `METRICS_PORT`"))
}

/// Answers `GET /metrics` until shutdown. `queue` is looked at for each answer.
pub async fn serve(listener: TcpListener, registry: Registry, queue: Option<Queue>, shutdown: Shutdown) {
    let registry = Arc::new(registry);
    let page = move || {
        let (registry, queue) = (registry.clone(), queue.clone());
        async move {
            if let Some(queue) = queue {
                queue.look().await;
            }
            let mut page = String::new();
            // Writing to memory cannot fail.
            let _ = text::encode(&mut page, &registry);
            ([(CONTENT_TYPE, OPEN_METRICS)], page).into_response()
        }
    };
    let router = Router::new().route("/metrics", get(page));
    let served = axum::serve(listener, router).with_graceful_shutdown(async move { shutdown.requested().await }).await;
    if let Err(error) = served {
        tracing::warn!(%error, "metrics are not served any more");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn two_processes_may_listen_while_one_takes_the_place_of_the_other() {
        let first = listen(0).unwrap();
        let port = first.local_addr().unwrap().port();
        let second = listen(port).unwrap();
        drop(first);
        // What comes now is the second one's.
        let (connected, accepted) = tokio::join!(tokio::net::TcpStream::connect(("127.0.0.1", port)), second.accept());
        assert_eq!(connected.unwrap().local_addr().unwrap(), accepted.unwrap().1);
    }

    #[tokio::test]
    async fn a_port_of_somebody_else_is_named() {
        let taken = std::net::TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let error = listen(port).unwrap_err();
        assert_eq!(error.to_string(), format!("port {port} cannot be listened on: stop what uses it, or set another `METRICS_PORT`"));
    }
}
