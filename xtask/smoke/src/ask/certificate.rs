//! Certificates: whether this machine trusts the one that is shown, and for how many days it still will.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::Common;
use crate::outcome::Fault;

/// A connection to the stack, over TLS.
///
/// # Errors
/// When nobody answers, or the certificate is not trusted.
pub(super) async fn connect(common: &Common) -> Result<TlsStream<TcpStream>, Fault> {
    let url = &common.facts.url;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let stream = tcp(common).await?;
    let name = ServerName::try_from(host.clone()).map_err(|_| Fault::wrong(format!("`{host}` is no name that a certificate can have")))?;
    let mut tls = common.tls.clone();
    // What comes after it is no HTTP/2.
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    TlsConnector::from(Arc::new(tls)).connect(name, stream).await.map_err(|error| Fault::wrong(format!("{host}: {error}")))
}

/// A connection to the stack.
///
/// # Errors
/// When nobody answers.
pub(super) async fn tcp(common: &Common) -> Result<TcpStream, Fault> {
    let url = &common.facts.url;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    // Only schemes without a port of their own have none, and no stack has one of those.
    let port = url.port_or_known_default().unwrap_or_default();
    TcpStream::connect((host, port)).await.map_err(|error| Fault::unanswered(format!("{url}: {error}")))
}

/// Whether the certificate is trusted, and is so for `days` more.
///
/// # Errors
/// When it is not.
pub(super) async fn check(common: &Common, days: i64) -> Result<(), Fault> {
    let stream = connect(common).await?;
    let certificates = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let Some(own) = certificates.first() else { return Err(Fault::wrong("there is no certificate")) };
    let (_, parsed) =
        x509_parser::parse_x509_certificate(own).map_err(|error| Fault::wrong(format!("the certificate cannot be read: {error}")))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| i64::try_from(time.as_secs()).unwrap_or(i64::MAX));
    let left = (parsed.validity().not_after.timestamp() - now) / 86_400;
    if left < days { Err(Fault::wrong(format!("the certificate ends in {left} days, on {}", parsed.validity().not_after))) } else { Ok(()) }
}
