//! The server: accepts connections, bounds them, and ends them in order.
use super::{App, Limits, State, router};
use crate::config::ServeConfig;
use crate::health;
use crate::live::{self, Publisher};
use crate::metrics::{self, Connections, Queue, Sockets};
use crate::redis_client;
use crate::shutdown::Shutdown;
use crate::supervisor::Supervisor;
use axum::body::Body;
use axum::http::header::CONNECTION;
use axum::http::{HeaderValue, Request, StatusCode};
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tower::ServiceExt;

/// For request line and headers together.
const MAX_HEAD: usize = 32 * 1024;
/// For sending a head, and for idle connections as well: longer than proxies keep those, so that it is never the server that closes one
/// while a request is on its way.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);
/// How often to look again at what has to be there before a supervised server accepts connections.
const LOOK: Duration = Duration::from_millis(100);
/// How long a supervised server waits for Redis before it does without.
const REDIS: Duration = Duration::from_secs(2);
/// How long to wait for connections to the database to end politely.
const CLOSE: Duration = Duration::from_millis(500);

/// Serves until shutdown, then lets requests finish and closes sockets. Under a supervisor it accepts nothing before it is ready: as long as it is not,
/// the process before it goes on serving. Metrics are served from the beginning, where there is a listener for them.
pub async fn serve(
    listener: TcpListener,
    metrics: Option<TcpListener>,
    config: &ServeConfig,
    limits: Limits,
    supervisor: &Supervisor,
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    let redis = redis_client::connect_lazily(&config.redis)?;
    let (publisher, publishing) = Publisher::start(redis.clone(), config.redis.live_channel.clone());
    let state = State::new(config, publisher, redis, &limits, shutdown.clone());
    let service = router(state.clone(), &limits).map_request(|request: Request<Incoming>| request.map(Body::new));
    let closing = shutdown.clone();
    let service = service.map_response(move |mut response: Response| {
        if closing.is_requested() && response.status() != StatusCode::SWITCHING_PROTOCOLS {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    });
    let service = TowerToHyperService::new(service);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_buf_size(MAX_HEAD);
    let mut connections = JoinSet::new();

    let subscription = tokio::spawn({
        let (config, hub) = (config.redis.clone(), state.hub.clone());
        async move { live::subscribe(&config, &hub).await }
    });
    if let Some(listener) = metrics {
        serve_metrics(listener, &state, &shutdown);
    }
    if supervisor.is_there() {
        tokio::select! {
            () = become_ready(&state, supervisor) => supervisor.ready(),
            () = shutdown.requested() => {}
        }
    }
    loop {
        let stream = tokio::select! {
            stream = accept(&listener) => stream,
            Some(_) = connections.join_next() => continue,
            () = shutdown.requested() => break,
        };
        let connection = http.serve_connection(TokioIo::new(stream), service.clone()).with_upgrades();
        let shutdown = shutdown.clone();
        connections.spawn(async move {
            let mut connection = pin!(connection);
            let outcome = tokio::select! {
                outcome = connection.as_mut() => outcome,
                () = last_requests(&shutdown, limits.last_requests) => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = outcome {
                tracing::debug!(%error, "connection ended");
            }
        });
    }

    drop(listener);
    let deadline = Instant::now() + limits.drain;
    let requests = timeout_at(deadline, async { while connections.join_next().await.is_some() {} }).await;
    // Every open socket holds a permit: when all permits are free, all sockets are closed.
    let all_sockets = u32::try_from(limits.sockets).unwrap_or(u32::MAX);
    let sockets = timeout_at(deadline, state.sockets.acquire_many(all_sockets)).await;
    if requests.is_err() || sockets.is_err() {
        tracing::warn!("some requests did not finish in time and are given up");
    }
    subscription.abort();
    drop((connections, service, sockets));
    // Requests that were given up may hold connections.
    let _ = timeout(CLOSE, state.database.close()).await;
    drop(state);
    publishing.flush().await;
    Ok(())
}

/// Serves what is known of `state` for as long as requests are accepted.
fn serve_metrics(listener: TcpListener, state: &App, shutdown: &Shutdown) {
    let mut registry = metrics::registry(&state.release);
    state.metrics.register(&mut registry);
    registry.register_collector(Box::new(Connections(state.database.clone())));
    registry.register_collector(Box::new(Sockets(Arc::downgrade(state))));
    let queue = Queue::new(state.database.clone());
    registry.register_collector(Box::new(queue.clone()));
    tokio::spawn(metrics::serve(listener, registry, Some(queue), shutdown.clone()));
}

/// Waits until the database answers and its schema is that of this binary.
async fn become_ready(state: &App, supervisor: &Supervisor) {
    let mut told = None;
    while let Some(obstacle) = health::obstacle(&state.database).await {
        if told.as_ref() != Some(&obstacle) {
            tracing::info!(reason = obstacle, "not ready yet");
            supervisor.waits(&obstacle);
            told = Some(obstacle);
        }
        sleep(LOOK).await;
    }
    // The first command connects, which whoever comes first should not wait for. A server that starts without Redis serves all the same.
    let _ = timeout(REDIS, async {
        while redis_client::ping(&state.redis).await.is_err() {
            sleep(LOOK).await;
        }
    })
    .await;
}

/// Waits for the end of the time in which connections may bring a request after the termination signal: who sends one just now must not find the connection
/// closed. The answer says that it is the last one.
async fn last_requests(shutdown: &Shutdown, time: Duration) {
    shutdown.requested().await;
    sleep(time).await;
}

async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Answers are small and complete: waiting to fill packets only delays them.
                let _ = stream.set_nodelay(true);
                return stream;
            }
            Err(error) => {
                // Out of file descriptors, usually: connections that end give some back.
                tracing::warn!(%error, "a connection cannot be accepted");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}
