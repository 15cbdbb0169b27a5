//! `/ws`: live updates for one browser. The messages are those of `live::Message`.
use super::auth::Signed;
use super::error::Problem;
use super::json::Parameters;
use super::shares::Place;
use super::state::App;
use crate::accounts;
use crate::live::{self, Event, EventId, Message as Update};
use axum::extract::State;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code, rejection::WebSocketUpgradeRejection};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, interval, timeout};
use tracing::Instrument;
use tungstenite::error::ProtocolError;

/// A client that is silent for this long is gone.
const SILENCE: Duration = Duration::from_secs(60);
/// A client that does not take a message within this time is gone.
const SEND: Duration = Duration::from_secs(5);
/// How long to wait for the client's half of the closing handshake.
const CLOSE: Duration = Duration::from_secs(1);
/// Clients have nothing to say.
const MAX_MESSAGE: usize = 4 * 1024;
/// How many messages a client may send at once, and how many more with each ping: it answers pings, and some send their own.
const MESSAGES: (u32, u32) = (60, 10);
/// What a socket has ready for reading, and for gathering what it writes: by default it is 128 kB each, for as long as the socket is open.
const BUFFER: usize = 1024;

/// The session has ended: clients sign in again instead of connecting again.
const SIGNED_OUT: u16 = 4401;

/// Where a client wants to go on.
#[derive(Deserialize)]
pub(super) struct Resume {
    last_event_id: Option<String>,
}

/// Opens a socket. `http::origin` has checked where the request comes from.
pub(super) async fn connect(
    State(app): State<App>,
    signed: Signed,
    Parameters(resume): Parameters<Resume>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade
        .map_err(|rejection| Problem::new(rejection.status(), format!("this address is for WebSockets: {}", rejection.body_text())))?;
    let Some(place) = app.account_sockets.take(signed.user.id) else {
        let most = app.account_sockets.most();
        return Err(Problem::too_many_at_once(format!("{most} live connections of this account are open, close one first")));
    };
    let Ok(permit) = app.sockets.clone().try_acquire_owned() else {
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too many live connections are open, try again in a moment"));
    };
    let span = tracing::Span::current();
    let upgrade = upgrade.max_message_size(MAX_MESSAGE).max_frame_size(MAX_MESSAGE).read_buffer_size(BUFFER).write_buffer_size(BUFFER);
    let since = resume.last_event_id.and_then(|id| EventId::parse(&id));
    Ok(upgrade.on_upgrade(move |socket| serve(socket, app, signed, since, (permit, place)).instrument(span)))
}

/// Why a socket ends.
enum End {
    /// The client left, or was lost.
    Client,
    /// The server stops.
    Shutdown,
    /// The session has ended.
    SignedOut,
    /// The client sent more messages than it may.
    TooMany,
    /// The client sent a message that is longer than any may be.
    TooBig,
    /// The client sent text that is not UTF-8.
    NoText,
    /// The client broke the rules of the protocol.
    Protocol,
}

async fn serve(mut socket: WebSocket, app: App, signed: Signed, since: Option<EventId>, _places: (OwnedSemaphorePermit, Place)) {
    let end = match greet(&mut socket, &app, &signed, since).await {
        Ok((mut updates, last)) => exchange(&mut socket, &mut updates, &app, &signed, last).await,
        Err(()) => End::Client,
    };
    let frame = match end {
        End::Client => None,
        End::Shutdown => Some((close_code::AWAY, "the server stops, connect again")),
        End::SignedOut => Some((SIGNED_OUT, "the session has ended, sign in again")),
        End::TooMany => Some((close_code::POLICY, "too many messages were sent, this connection is for listening")),
        End::TooBig => Some((close_code::SIZE, "the message is too big")),
        End::NoText => Some((close_code::INVALID, "the text is not UTF-8")),
        End::Protocol => Some((close_code::PROTOCOL, "the frame breaks the protocol")),
    };
    if let Some((code, reason)) = frame {
        let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
        if send(&mut socket, Message::Close(Some(frame))).await.is_ok() {
            let _ = timeout(CLOSE, async { while let Some(Ok(_)) = socket.recv().await {} }).await;
        }
    }
    tracing::debug!("live connection closed");
}

/// Says hello and sends what was missed. Returns what comes after it.
async fn greet(
    socket: &mut WebSocket,
    app: &App,
    signed: &Signed,
    since: Option<EventId>,
) -> Result<(Receiver<Arc<Event>>, Option<EventId>), ()> {
    // The subscription comes before the greeting, which promises it, and before the look at what was missed, so that nothing falls between.
    let updates = app.hub.subscribe();
    let last = app.hub.last();
    let missed = match since {
        // While Redis is away nothing can be resumed; the client fetches again.
        Some(since) if !app.hub.is_away() => live::missed(&app.redis, &app.live_channel, since).await.ok().flatten(),
        _ => None,
    };
    let resumed = missed.is_some();
    let last_event_id = if resumed { since } else { last };
    let greeting = Update::Hello { version: app.release.version, revision: app.release.revision.clone(), last_event_id, resumed };
    send(socket, Message::Text(greeting.text())).await?;
    let mut sent = last_event_id;
    for event in missed.into_iter().flatten() {
        if event.is_for(signed.user.id) {
            send(socket, Message::Text(event.text)).await?;
        }
        sent = event.id;
    }
    say_if_away(socket, app).await?;
    Ok((updates, sent))
}

async fn exchange(socket: &mut WebSocket, updates: &mut Receiver<Arc<Event>>, app: &App, signed: &Signed, last: Option<EventId>) -> End {
    let mut ping = interval(app.ping);
    let mut heard = Instant::now();
    let (mut left, more) = MESSAGES;
    loop {
        let message = tokio::select! {
            () = app.shutdown.requested() => return End::Shutdown,
            incoming = socket.recv() => match incoming {
                Some(Ok(Message::Close(_))) | None => return End::Client,
                Some(Err(error)) => return fault(error.into_inner().as_ref()),
                Some(Ok(_)) if left == 0 => return End::TooMany,
                Some(Ok(_)) => {
                    heard = Instant::now();
                    left -= 1;
                    continue;
                }
            },
            _ = ping.tick() => {
                if heard.elapsed() > SILENCE {
                    return End::Client;
                }
                if has_ended(app, signed).await {
                    return End::SignedOut;
                }
                left = (left + more).min(MESSAGES.0);
                Message::Ping(Default::default())
            }
            update = updates.recv() => match update {
                // What was resumed is on its way already.
                Ok(event) if event.id.is_some() && event.id <= last => continue,
                Ok(event) if !event.is_for(signed.user.id) => continue,
                Ok(event) => Message::Text(event.text.clone()),
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

/// How a socket ends whose messages cannot be read.
fn fault(error: &(dyn std::error::Error + 'static)) -> End {
    match error.downcast_ref::<tungstenite::Error>() {
        Some(tungstenite::Error::Capacity(_)) => End::TooBig,
        Some(tungstenite::Error::Utf8(_)) => End::NoText,
        // The connection ended without a word.
        Some(tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake)) => End::Client,
        Some(tungstenite::Error::Protocol(_)) => End::Protocol,
        _ => End::Client,
    }
}

/// Whether the session, or the account behind it, is gone. What cannot be asked now is asked again at the next ping.
async fn has_ended(app: &App, signed: &Signed) -> bool {
    let session = app.sessions.find(&signed.token).await;
    let account = accounts::get(&app.database, signed.user.id).await;
    matches!(session, Ok(None)) || account.is_ok_and(|account| account.is_none_or(|account| account.session_epoch != signed.session.epoch))
}

/// Tells the client when it will hear nothing. Its subscription must have begun, so that it also hears when that ends.
async fn say_if_away(socket: &mut WebSocket, app: &App) -> Result<(), ()> {
    if app.hub.is_away() { send(socket, Message::Text(Update::Away.text())).await } else { Ok(()) }
}

async fn send(socket: &mut WebSocket, message: Message) -> Result<(), ()> {
    timeout(SEND, socket.send(message)).await.map_err(drop)?.map_err(drop)
}
