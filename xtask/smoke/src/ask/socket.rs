//! WebSockets: opened with the cookies of the journey, and listened to by the steps that follow.

use futures_util::StreamExt as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::{HeaderValue, Request};

use super::{Common, Memory, certificate};
use crate::judge::{fields, fill};
use crate::outcome::{Answer, Fault};
use crate::suite::Fields;
use crate::values::Values;

/// A connection, encrypted or not.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send + Sync {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + Sync> Stream for T {}

/// An open socket.
pub(super) struct Socket(WebSocketStream<Box<dyn Stream>>);

impl Socket {
    /// Opens one at `path`.
    ///
    /// # Errors
    /// When it is refused.
    pub(super) async fn open(common: &Common, path: &str, memory: &Memory) -> Result<Self, Fault> {
        let request = request(common, &fill(&memory.values, path)?, memory)?;
        let stream: Box<dyn Stream> = match common.facts.url.scheme() {
            "https" => Box::new(certificate::connect(common).await?),
            _ => Box::new(certificate::tcp(common).await?),
        };
        let opened = tokio_tungstenite::client_async(request, stream).await;
        opened.map(|(socket, _)| Self(socket)).map_err(|error| Fault::wrong(format!("the socket is refused: {error}")))
    }

    /// Waits for a message with these values.
    ///
    /// # Errors
    /// When the socket ends before.
    pub(super) async fn receive(&mut self, expected: &Fields, values: &Values) -> Result<Answer, Fault> {
        while let Some(message) = self.0.next().await {
            let message = message.map_err(|error| Fault::wrong(format!("the socket broke: {error}")))?;
            let Message::Text(text) = message else { continue };
            let Ok(json) = serde_json::from_str(&text) else { continue };
            if fields(expected, values, &json).is_ok() {
                return Ok(Answer { body: text.to_string(), json: Some(json), headers: Vec::new() });
            }
        }
        Err(Fault::wrong("the socket was closed before the message came"))
    }
}

fn request(common: &Common, path: &str, memory: &Memory) -> Result<Request<()>, Fault> {
    let mut url = common.facts.url.join(path).map_err(|error| Fault::wrong(format!("`{path}` is no path: {error}")))?;
    let origin = url.origin().ascii_serialization();
    let scheme = if url.scheme() == "https" { "wss" } else { "ws" };
    let invalid = || Fault::wrong(format!("`{path}` cannot be asked for"));
    url.set_scheme(scheme).map_err(|()| invalid())?;
    let mut request = url.as_str().into_client_request().map_err(|_| invalid())?;
    let headers = [("origin", Some(origin)), ("cookie", memory.cookies.header())];
    for (name, value) in headers.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        request.headers_mut().insert(name, HeaderValue::from_str(&value).map_err(|_| invalid())?);
    }
    Ok(request)
}
