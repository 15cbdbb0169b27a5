//! The program of the tests: a small HTTP server that keeps the contract, or breaks it in the way that the name of its file says: `<version>-<behaviour>`.
//! It numbers the lines it prints, so that a missing one shows.
#![allow(clippy::print_stdout, reason = "what it prints is what is tested")]

use std::error::Error;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::exit;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

struct Program {
    version: String,
    /// A request for `/wait` is answered when this file is there.
    gate: PathBuf,
    printed: AtomicU64,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::current_exe()?;
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let (version, behaviour) = name.split_once('-').ok_or("the name of the program says no behaviour")?;
    let program = Arc::new(Program { version: version.to_owned(), gate: path.with_file_name("gate"), printed: AtomicU64::new(0) });
    let mut terminate = signal(SignalKind::terminate())?;
    match behaviour {
        "panic" => panic!("this build is broken"),
        "never" => notify("STATUS=waiting for nothing")?,
        _ => notify("STATUS=starting\nREADY=1")?,
    }
    program.print("serves");

    let (stop, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    let listener = listenfd::ListenFd::from_env().take_tcp_listener(0)?;
    let listener = listener.map(|listener| listener.set_nonblocking(true).and_then(|()| TcpListener::from_std(listener))).transpose()?;
    // What is not ready accepts nothing.
    let listener = listener.filter(|_| behaviour != "never");
    loop {
        tokio::select! {
            _ = terminate.recv() => match behaviour {
                "stubborn" => program.print("stays"),
                _ => break,
            },
            Some(stream) = accept(listener.as_ref()) => {
                connections.spawn(serve(program.clone(), stream, stopped.clone()));
            }
        }
    }
    drop((listener, stop));
    while connections.join_next().await.is_some() {}
    let last = program.printed.load(Ordering::Relaxed) + 1;
    program.print(&format!("ends after {last}"));
    Ok(())
}

async fn accept(listener: Option<&TcpListener>) -> Option<TcpStream> {
    match listener {
        Some(listener) => listener.accept().await.ok().map(|(stream, _)| stream),
        None => None,
    }
}

fn notify(message: &str) -> Result<(), Box<dyn Error>> {
    let socket = std::env::var_os("NOTIFY_SOCKET").ok_or("nobody waits")?;
    UnixDatagram::unbound()?.send_to(message.as_bytes(), socket)?;
    Ok(())
}

/// Answers requests until the client leaves or, between two requests, the program is to end.
async fn serve(program: Arc<Program>, stream: TcpStream, mut stopped: watch::Receiver<()>) {
    let mut stream = BufReader::new(stream);
    let mut served = false;
    loop {
        let mut request = String::new();
        let read = stream.read_line(&mut request);
        // The first request of a connection that was accepted is answered in any case.
        let read = tokio::select! {
            biased;
            read = read => read,
            _ = stopped.changed(), if served => return,
        };
        if read.is_err() || request.is_empty() {
            return;
        }
        let mut close = false;
        loop {
            let mut header = String::new();
            if stream.read_line(&mut header).await.is_err() || header.trim().is_empty() {
                break;
            }
            close |= header.eq_ignore_ascii_case("connection: close\r\n");
        }
        let path = request.split(' ').nth(1).unwrap_or_default();
        program.print(&format!("answers {path}"));
        match path {
            "/exit" => exit(3),
            "/wait" => {
                while !program.gate.exists() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
            _ => {}
        }
        let (version, length) = (&program.version, program.version.len());
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{version}");
        if stream.write_all(answer.as_bytes()).await.is_err() || close {
            return;
        }
        served = true;
    }
}

impl Program {
    /// Prints the next line, on standard output and standard error in turn.
    fn print(&self, text: &str) {
        let number = self.printed.fetch_add(1, Ordering::Relaxed) + 1;
        let line = format!("line {number} of {} ({}) {text} {}", std::process::id(), self.version, "x".repeat(200));
        if number.is_multiple_of(2) { eprintln!("{line}") } else { println!("{line}") }
    }
}
