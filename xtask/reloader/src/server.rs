//! A control socket: many clients at once, one JSON object in each line, both ways. No client can make it hold more than a bound.
use crate::lines;
use anyhow::Context;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

/// How many lines may wait for a client. One that is slower is disconnected: it connects again and is told how things are.
const WAITING: usize = 8192;
/// How long a client may take for one line.
const SLOW: Duration = Duration::from_secs(10);
/// How long all clients together may take for the last lines.
const GOODBYE: Duration = Duration::from_secs(1);
/// How long to wait before accepting again when the system is out of file descriptors.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// Names a client as long as the process lives.
pub(crate) type ClientId = u64;
/// A line without its end; many clients share one.
pub(crate) type Line = Arc<str>;

/// What clients do.
pub(crate) enum Event {
    /// A client came; it has been told nothing yet.
    Joined(ClientId),
    /// A client sent a line.
    Said(ClientId, String),
}

enum Incoming {
    Joined(ClientId, mpsc::Sender<Line>),
    Said(ClientId, String),
    /// Nothing more comes from it, perhaps for this reason.
    Left(ClientId, Option<String>),
    /// Everything was sent, or cannot be.
    Closed,
}

/// All clients of a socket.
pub(crate) struct Clients {
    incoming: mpsc::Receiver<Incoming>,
    lines: HashMap<ClientId, mpsc::Sender<Line>>,
    open: usize,
}

impl Clients {
    /// Listens at `path`, where an earlier process may have left its socket.
    pub(crate) fn listen(path: &Path) -> anyhow::Result<Self> {
        let cannot = || format!("`{}` cannot be a control socket; name another one with `--socket`", path.display());
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error).with_context(cannot),
            _ => {}
        }
        let listener = UnixListener::bind(path).with_context(cannot)?;
        let (sender, incoming) = mpsc::channel(64);
        tokio::spawn(accept(listener, sender));
        Ok(Clients { incoming, lines: HashMap::new(), open: 0 })
    }

    /// Waits for what a client does next. May be dropped at any time.
    pub(crate) async fn next(&mut self) -> Event {
        loop {
            match self.incoming.recv().await {
                Some(Incoming::Joined(id, lines)) => {
                    self.lines.insert(id, lines);
                    self.open += 1;
                    return Event::Joined(id);
                }
                Some(Incoming::Said(id, line)) => return Event::Said(id, line),
                Some(Incoming::Left(id, reason)) => {
                    if let Some(reason) = reason {
                        self.refuse(id, reason);
                    }
                    self.lines.remove(&id);
                }
                Some(Incoming::Closed) => self.open -= 1,
                None => std::future::pending().await,
            }
        }
    }

    /// Tells one client, if it is still there.
    pub(crate) fn tell(&mut self, id: ClientId, message: &Value) {
        self.tell_line(id, message.to_string().into());
    }

    /// Tells one client, if it is still there.
    pub(crate) fn tell_line(&mut self, id: ClientId, line: Line) {
        if self.lines.get(&id).is_some_and(|lines| lines.try_send(line).is_err()) {
            self.lines.remove(&id);
        }
    }

    /// Tells one client why its request is refused.
    pub(crate) fn refuse(&mut self, id: ClientId, reason: impl std::fmt::Display) {
        self.tell(id, &json!({ "error": { "reason": reason.to_string() } }));
    }

    /// Says goodbye: everybody still gets what was said, if they take it soon.
    pub(crate) async fn close(mut self) {
        self.lines.clear();
        let all = async {
            while self.open > 0 {
                match self.incoming.recv().await {
                    Some(Incoming::Closed) => self.open -= 1,
                    Some(_) => {}
                    None => return,
                }
            }
        };
        let _ = timeout(GOODBYE, all).await;
    }

    /// Tells all clients.
    pub(crate) fn tell_all(&mut self, line: &Line) {
        self.lines.retain(|_, lines| lines.try_send(line.clone()).is_ok());
    }
}

async fn accept(listener: UnixListener, incoming: mpsc::Sender<Incoming>) {
    for id in 0.. {
        let stream = loop {
            match listener.accept().await {
                Ok((stream, _)) => break stream,
                Err(_) => sleep(EXHAUSTED).await,
            }
        };
        tokio::spawn(serve(id, stream, incoming.clone()));
    }
}

async fn serve(id: ClientId, stream: UnixStream, incoming: mpsc::Sender<Incoming>) {
    let (reader, writer) = stream.into_split();
    let (sender, waiting) = mpsc::channel(WAITING);
    let mut writing = tokio::spawn(write(writer, waiting));
    // The channel closes only when the process ends.
    let _ = incoming.send(Incoming::Joined(id, sender)).await;
    let mut reader = BufReader::new(reader);
    let reason = loop {
        let line = tokio::select! {
            line = lines::next(&mut reader) => line,
            _ = &mut writing => break None,
        };
        match line {
            Ok(Some(line)) if line.is_empty() => {}
            Ok(Some(line)) => drop(incoming.send(Incoming::Said(id, line)).await),
            Ok(None) => break None,
            Err(error) => break Some(error.to_string()),
        }
    };
    let _ = incoming.send(Incoming::Left(id, reason)).await;
    if !writing.is_finished() {
        let _ = writing.await;
    }
    let _ = incoming.send(Incoming::Closed).await;
}

async fn write(mut writer: OwnedWriteHalf, mut waiting: mpsc::Receiver<Line>) {
    while let Some(line) = waiting.recv().await {
        let sent = timeout(SLOW, async {
            writer.write_all(line.as_bytes()).await?;
            writer.write_all(b"\n").await
        });
        if !matches!(sent.await, Ok(Ok(()))) {
            return;
        }
    }
}
