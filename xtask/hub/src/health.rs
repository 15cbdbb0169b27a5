//! `hub health`: one short request to the server on this machine, without an async runtime, because it runs several times a second while the stack starts.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// Answers whenever the server does: nothing it shows is needed for it to be well.
const CONTAINER_ROUTE: &str = "/_dev/health";

const TIMEOUT: Duration = Duration::from_secs(2);

/// Succeeds when the server answers 200; otherwise says why it is not healthy.
pub(crate) fn probe(port: u16) -> Result<(), String> {
    let answer = ask(port).map_err(|error| format!("the hub does not answer on port {port}: {error}"))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    match head.split_ascii_whitespace().nth(1) {
        Some("200") => Ok(()),
        Some(status) => Err(format!("the hub answers {status}: {}", body.trim())),
        None => Err(format!("what answers on port {port} does not speak HTTP; is another program using the port?")),
    }
}

fn ask(port: u16) -> std::io::Result<String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let request = format!("GET {CONTAINER_ROUTE} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(4096).read_to_end(&mut answer)?;
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
        assert!(server.join().unwrap().starts_with("GET /_dev/health HTTP/1.1\r\n"));
        outcome
    }

    #[test]
    fn an_answer_of_200_is_healthy() {
        assert_eq!(probe_of("HTTP/1.1 200 OK\r\n\r\n{}"), Ok(()));
    }

    #[test]
    fn the_reason_of_the_server_is_passed_on() {
        let reason = probe_of("HTTP/1.1 503 Service Unavailable\r\n\r\n{\"status\":\"waiting\"}").unwrap_err();
        assert_eq!(reason, "the hub answers 503: {\"status\":\"waiting\"}");
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
