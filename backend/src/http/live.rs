//! `/ws`: live updates for one browser. The messages are those of `live::Message`.
use super::error::Problem;
use super::state::App;
use crate::live::Message as Update;
use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code, rejection::WebSocketUpgradeRejection};
use axum::http::StatusCode;
use axum::response::Response;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, interval, timeout};
use tracing::Instrument;

/// How often a client is asked for a sign of life: more often than proxies close silent connections.
const PING: Duration = Duration::from_secs(20);
/// A client that is silent for this long is gone.
const SILENCE: Duration = Duration::from_secs(60);
/// A client that does not take a message within this time is gone.
const SEND: Duration = Duration::from_secs(5);
/// How long to wait for the client's half of the closing handshake.
const CLOSE: Duration = Duration::from_secs(1);
/// Clients have nothing to say.
const MAX_MESSAGE: usize = 4 * 1024;

/// Opens a socket. `http::origin` has checked where the request comes from.
pub(super) async fn connect(
    State(app): State<App>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade
        .map_err(|rejection| Problem::new(rejection.status(), format!("this address is for WebSockets: {}", rejection.body_text())))?;
    let Ok(permit) = app.sockets.clone().try_acquire_owned() else {
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too many live connections are open, try again in a moment"));
    };
    let span = tracing::Span::current();
    let upgrade = upgrade.max_message_size(MAX_MESSAGE).max_frame_size(MAX_MESSAGE);
    Ok(upgrade.on_upgrade(move |socket| serve(socket, app, permit).instrument(span)))
}

/// Why a socket ends.
enum End {
    /// The client left, or was lost.
    Client,
    /// The server stops.
    Shutdown,
}

async fn serve(mut socket: WebSocket, app: App, _permit: OwnedSemaphorePermit) {
    // The subscription comes before the greeting, which promises it.
    let mut updates = app.hub.subscribe();
    let greeting = Update::Hello { version: app.release.version, revision: app.release.revision.clone() };
    if send(&mut socket, Message::Text(greeting.text())).await.is_err() {
        return;
    }
    if say_if_away(&mut socket, &app).await.is_err() {
        return;
    }
    match exchange(&mut socket, &mut updates, &app).await {
        End::Client => {}
        End::Shutdown => {
            let reason = Utf8Bytes::from_static("the server stops, connect again");
            let frame = CloseFrame { code: close_code::AWAY, reason };
            if send(&mut socket, Message::Close(Some(frame))).await.is_ok() {
                let _ = timeout(CLOSE, async { while let Some(Ok(_)) = socket.recv().await {} }).await;
            }
        }
    }
    tracing::debug!("live connection closed");
}

async fn exchange(socket: &mut WebSocket, updates: &mut Receiver<Utf8Bytes>, app: &App) -> End {
    let mut ping = interval(PING);
    let mut heard = Instant::now();
    loop {
        let message = tokio::select! {
            () = app.shutdown.requested() => return End::Shutdown,
            incoming = socket.recv() => match incoming {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return End::Client,
                Some(Ok(_)) => {
                    heard = Instant::now();
                    continue;
                }
            },
            _ = ping.tick() => {
                if heard.elapsed() > SILENCE {
                    return End::Client;
                }
                Message::Ping(Default::default())
            }
            update = updates.recv() => match update {
                Ok(text) => Message::Text(text),
                // The client was too slow for the backlog: what it missed, it fetches. One of the lost messages may have been that nothing is received.
                Err(RecvError::Lagged(_)) => {
                    if send(socket, Message::Text(Update::Resync.text())).await.is_err() || say_if_away(socket, app).await.is_err() {
                        return End::Client;
                    }
                    continue;
                }
                Err(RecvError::Closed) => return End::Shutdown,
            },
        };
        if send(socket, message).await.is_err() {
            return End::Client;
        }
    }
}

/// Tells the client when it will hear nothing. Its subscription must have begun, so that it also hears when that ends.
async fn say_if_away(socket: &mut WebSocket, app: &App) -> Result<(), ()> {
    if app.hub.is_away() { send(socket, Message::Text(Update::Away.text())).await } else { Ok(()) }
}

async fn send(socket: &mut WebSocket, message: Message) -> Result<(), ()> {
    timeout(SEND, socket.send(message)).await.map_err(drop)?.map_err(drop)
}
