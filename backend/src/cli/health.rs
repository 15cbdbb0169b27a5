//! `backend health`: the container's health check. Plain blocking code without a runtime: the engine runs it several times a second during a start.
use crate::config::{Env, ServerConfig};
use crate::health;
use crate::heartbeat::Heartbeat;
use anyhow::{Context, bail};
use clap::Args;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(2);
/// A report is a few hundred bytes; whatever sends more is not our server.
const MAX_ANSWER: u64 = 64 * 1024;

/// The flags of `backend health`.
#[derive(Debug, Args)]
pub struct Health {
    /// Ask the worker, not the server
    #[arg(long)]
    worker: bool,
}

impl Health {
    /// Fails with the reason if the process is not well.
    pub fn run(self) -> anyhow::Result<()> {
        if self.worker {
            return Heartbeat::default().check();
        }
        let env = Env::process();
        let server = ServerConfig::read(&env);
        let server = env.finish(server)?;
        ask(SocketAddr::from((Ipv4Addr::LOCALHOST, server.port)))
    }
}

fn ask(address: SocketAddr) -> anyhow::Result<()> {
    let answer = exchange(address).with_context(|| format!("the server does not answer at {address}"))?;
    let (head, body) = answer.split_once("\r\n\r\n").context("the server's answer is not HTTP")?;
    match head.split(' ').nth(1) {
        Some("200") => Ok(()),
        Some(status) => bail!("the server is not ready (status {status}): {body}"),
        None => bail!("the server's answer is not HTTP"),
    }
}

fn exchange(address: SocketAddr) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let path = health::CONTAINER_PATH;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.take(MAX_ANSWER).read_to_string(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    /// A server that answers one request with `answer`.
    fn server(answer: &'static str) -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let read = stream.read(&mut request).unwrap();
            assert!(request[..read].starts_with(b"GET /api/v1/health/container HTTP/1.1\r\n"));
            stream.write_all(answer.as_bytes()).unwrap();
        });
        address
    }

    #[test]
    fn a_well_server_is_well() {
        ask(server("HTTP/1.1 200 OK\r\n\r\n{}")).unwrap();
    }

    #[test]
    fn the_reason_is_told() {
        let error = ask(server("HTTP/1.1 503 Service Unavailable\r\n\r\n{\"redis\":\"away\"}")).unwrap_err();
        assert_eq!(error.to_string(), "the server is not ready (status 503): {\"redis\":\"away\"}");
    }

    #[test]
    fn a_missing_server_is_told() {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let error = ask(free).unwrap_err();
        assert_eq!(error.to_string(), format!("the server does not answer at {free}"));
    }
}
