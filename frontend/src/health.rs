//! `frontend health` and `frontend check`: one short request to the server on this machine, without an async runtime, because the first runs several
//! times a second while the stack starts.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// The route that knows "ready once, then alive": see `http::health`.
pub const CONTAINER_ROUTE: &str = "/health/container";

/// The route that knows whether templates and assets make pages: see `http::health`.
const SITE_ROUTE: &str = "/health/site";

/// An answer is short, but for the reasons of templates.
const LONGEST: u64 = 64 << 10;

const TIMEOUT: Duration = Duration::from_secs(2);

/// Succeeds when the server answers 200; otherwise says why it is not healthy.
pub fn probe(port: u16) -> Result<(), String> {
    request(port, CONTAINER_ROUTE)
        .map_err(|(status, text)| status.map_or_else(|| text.clone(), |status| format!("the frontend answers {status}: {text}")))
}

/// Succeeds when the edited templates and assets make pages; otherwise says what is wrong with them, one reason a line.
pub fn check(port: u16) -> Result<(), String> {
    request(port, SITE_ROUTE).map_err(|(_, text)| text)
}

/// Succeeds when the server answers 200; otherwise with the status, where it answers at all, and the reason.
fn request(port: u16, route: &str) -> Result<(), (Option<String>, String)> {
    let answer = ask(port, route).map_err(|error| (None, format!("the frontend does not answer on port {port}: {error}")))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    match head.split_ascii_whitespace().nth(1) {
        Some("200") => Ok(()),
        Some(status) => Err((Some(status.to_owned()), body.trim().to_owned())),
        None => Err((None, format!("what answers on port {port} does not speak HTTP; is another program using the port?"))),
    }
}

fn ask(port: u16, route: &str) -> std::io::Result<String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let request = format!("GET {route} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn probe_of(answer: &'static str) -> Result<(), String> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 512];
            let read = stream.read(&mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&request[..read]).into_owned()
        });
        let outcome = probe(port);
        assert!(server.join().unwrap().starts_with("GET /health/container HTTP/1.1\r\n"));
        outcome
    }

    #[test]
    fn an_answer_of_200_is_healthy() {
        assert_eq!(probe_of("HTTP/1.1 200 OK\r\n\r\n{}"), Ok(()));
    }

    #[test]
    fn the_reason_of_the_server_is_passed_on() {
        let reason = probe_of("HTTP/1.1 503 Service Unavailable\r\n\r\n{\"status\":\"waiting\"}").unwrap_err();
        assert_eq!(reason, "the frontend answers 503: {\"status\":\"waiting\"}");
    }

    #[test]
    fn an_answer_that_is_not_http_is_not_healthy() {
        assert!(probe_of("hello").unwrap_err().contains("does not speak HTTP"));
    }

    #[test]
    fn a_closed_port_is_not_healthy() {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        assert!(probe(port).unwrap_err().contains("does not answer"));
    }
}
