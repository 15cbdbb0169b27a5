//! A browser's live connection.
use super::PATIENCE;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

pub(crate) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    pub(super) async fn open(authority: &str, cookie: &str, query: &str) -> (Self, Value) {
        let mut request = format!("ws://{authority}/ws{query}").into_client_request().unwrap();
        request.headers_mut().insert("cookie", cookie.parse().unwrap());
        let mut socket = Socket(connect_async(request).await.unwrap().0);
        let hello = socket.next_of("hello").await;
        (socket, hello)
    }

    /// The next message of a type; others are skipped.
    pub(crate) async fn next_of(&mut self, kind: &str) -> Value {
        let search = async {
            loop {
                let message = self.next().await;
                if message["type"] == kind {
                    return message;
                }
            }
        };
        timeout(PATIENCE, search).await.unwrap_or_else(|_| panic!("no message of type `{kind}` came"))
    }

    /// The code of the close frame; everything before it is skipped.
    pub(crate) async fn close_code(&mut self) -> u16 {
        let search = async {
            loop {
                if let Message::Close(frame) = self.frame().await {
                    return frame.unwrap().code.into();
                }
            }
        };
        timeout(PATIENCE, search).await.expect("no close frame came")
    }

    /// The next message, whatever it is.
    pub(crate) async fn next(&mut self) -> Value {
        loop {
            if let Message::Text(text) = self.frame().await {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }

    /// Waits for a ping, which the client answers.
    pub(crate) async fn ping(&mut self) {
        while !self.frame().await.is_ping() {}
    }

    /// Sends a message. That the server has closed the connection meanwhile is no failure.
    pub(crate) async fn send(&mut self, message: Message) {
        let _ = self.0.send(message).await;
    }

    async fn frame(&mut self) -> Message {
        self.0.next().await.expect("the connection is closed").unwrap()
    }
}
