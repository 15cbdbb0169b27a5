//! Host ports on which nobody may answer: what is not published cannot be attacked.

use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

use crate::outcome::Fault;

/// A port that says nothing for so long is closed.
const SILENCE: Duration = Duration::from_millis(500);

/// Whether nobody answers on `ports` of the host of `url`, all asked at the same time.
///
/// # Errors
/// The ports on which somebody does.
pub(super) async fn closed(url: &Url, ports: &[u16]) -> Result<(), Fault> {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let open = futures_util::future::join_all(ports.iter().map(|port| async move {
        let connected = timeout(SILENCE, TcpStream::connect((host, *port))).await;
        matches!(connected, Ok(Ok(_))).then(|| port.to_string())
    }));
    let open: Vec<String> = open.await.into_iter().flatten().collect();
    if open.is_empty() { Ok(()) } else { Err(Fault::wrong(format!("somebody answers on {host}, port {}", open.join(", ")))) }
}
