//! HTTP clients, as a proxy would be one.
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A request that is on its way.
pub(crate) fn request(address: SocketAddr, path: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(super::PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    stream
}

/// The version that answers.
pub(crate) fn get(address: SocketAddr, path: &str) -> String {
    answer(request(address, path)).unwrap()
}

/// The version in an answer that must be complete.
pub(crate) fn answer(stream: TcpStream) -> Result<String, String> {
    let mut answer = String::new();
    BufReader::new(stream).read_to_string(&mut answer).map_err(|error| format!("after {answer:?}: {error}"))?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.1 200 OK\r\n") && !body.is_empty() => Ok(body.to_owned()),
        _ => Err(format!("not an answer: {answer:?}")),
    }
}

/// Clients that ask all the time.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    clients: Vec<JoinHandle<Vec<String>>>,
}

impl Load {
    /// Two clients that connect for each request, and two that keep their connections.
    pub(crate) fn start(address: SocketAddr) -> Self {
        let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let clients = [false, false, true, true].map(|keep| {
            let (stop, answered) = (stop.clone(), answered.clone());
            thread::spawn(move || ask(address, keep, &stop, &answered))
        });
        Load { stop, answered, clients: clients.into() }
    }

    /// How many requests were answered.
    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Ends it, and returns what went wrong.
    pub(crate) fn end(self) -> Vec<String> {
        self.stop.store(true, Ordering::Relaxed);
        self.clients.into_iter().flat_map(|client| client.join().unwrap()).collect()
    }
}

fn ask(address: SocketAddr, keep: bool, stop: &AtomicBool, answered: &AtomicU64) -> Vec<String> {
    let mut failures = Vec::new();
    let mut kept = None;
    while !stop.load(Ordering::Relaxed) {
        let outcome = if keep { ask_again(address, &mut kept) } else { answer(request(address, "/")).map(drop) };
        match outcome {
            Ok(()) => drop(answered.fetch_add(1, Ordering::Relaxed)),
            Err(failure) => failures.push(failure),
        }
        // Some hundred requests in a second, so that the machine is not what is tested.
        thread::sleep(Duration::from_millis(2));
    }
    failures
}

/// Asks on a connection that is kept. As every HTTP client does, it asks once more if a kept connection was closed before any of the answer came.
fn ask_again(address: SocketAddr, kept: &mut Option<BufReader<TcpStream>>) -> Result<(), String> {
    if let Some(mut stream) = kept.take()
        && exchange(&mut stream)?
    {
        *kept = Some(stream);
        return Ok(());
    }
    let stream = TcpStream::connect(address).map_err(|error| error.to_string())?;
    stream.set_read_timeout(Some(super::PATIENCE)).unwrap();
    let mut stream = BufReader::new(stream);
    if !exchange(&mut stream)? {
        return Err("a new connection was closed without an answer".to_owned());
    }
    *kept = Some(stream);
    Ok(())
}

/// One request. False if the connection was closed before it.
fn exchange(stream: &mut BufReader<TcpStream>) -> Result<bool, String> {
    if stream.get_mut().write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").is_err() {
        return Ok(false);
    }
    let mut length = 0;
    for number in 0.. {
        let mut line = String::new();
        match stream.read_line(&mut line) {
            Ok(0) if number == 0 => return Ok(false),
            Err(error) if number == 0 && error.kind() == ErrorKind::ConnectionReset => return Ok(false),
            Ok(0) => return Err("an answer was cut".to_owned()),
            Err(error) => return Err(error.to_string()),
            Ok(_) if line == "\r\n" => break,
            Ok(_) => {}
        }
        if let Some(value) = line.strip_prefix("Content-Length: ") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).map_err(|error| format!("an answer was cut: {error}"))?;
    Ok(true)
}
