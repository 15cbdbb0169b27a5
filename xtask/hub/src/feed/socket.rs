//! The socket on which a feed comes in. There is one feed at a time: a newer one takes the place of an older.

use std::io;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::unix::OwnedWriteHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc;

use super::lines::{Line, Lines};
use super::message::Message;
use crate::store::Store;

/// How many lines wait for a feed that does not read.
const WAITING: usize = 64;

/// Opens the socket. One that a killed hub left behind is replaced.
pub(crate) fn bind(path: &Path) -> anyhow::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => UnixListener::bind(path),
    }
    .with_context(|| format!("the socket `{}` cannot be made; set `HUB_SOCKET` to a path that can", path.display()))
}

/// Takes feeds for ever.
pub(crate) async fn accept(mut listener: UnixListener, store: Arc<Store>) {
    let mut current: Option<tokio::task::JoinHandle<()>> = None;
    loop {
        let (stream, _) = axum::serve::Listener::accept(&mut listener).await;
        // The older feed ends completely before the newer begins, so that none of its lines comes later.
        if let Some(older) = current.take() {
            older.abort();
            let _ = older.await;
        }
        current = Some(tokio::spawn(feed(stream, Arc::clone(&store))));
    }
}

/// Says that a feed is there, for as long as this exists.
struct Attached(Arc<Store>);

impl Drop for Attached {
    fn drop(&mut self) {
        self.0.detach();
    }
}

async fn feed(stream: UnixStream, store: Arc<Store>) {
    let (reader, writer) = stream.into_split();
    let (sender, receiver) = mpsc::channel(WAITING);
    store.attach(sender.clone());
    let _attached = Attached(Arc::clone(&store));
    tokio::select! {
        () = read(Lines::new(BufReader::with_capacity(64 * 1024, reader)), &store, &sender) => {}
        () = write(writer, receiver) => {}
    }
}

async fn read(mut lines: Lines<BufReader<tokio::net::unix::OwnedReadHalf>>, store: &Store, sender: &mpsc::Sender<String>) {
    while let Ok(Some(line)) = lines.next().await {
        let message = match line {
            Line::Whole(b"") => continue,
            Line::Whole(line) => Message::parse(line),
            Line::TooLong => Err(format!("a line is longer than {} bytes", super::lines::LONGEST)),
        };
        match message {
            Ok(message) => store.take(message),
            Err(reason) => {
                eprintln!("a line of the feed was left out: {reason}");
                // Who does not read what is said need not hear it.
                let _ = sender.try_send(serde_json::json!({ "error": { "reason": reason } }).to_string());
            }
        }
    }
}

async fn write(mut writer: OwnedWriteHalf, mut lines: mpsc::Receiver<String>) {
    while let Some(line) = lines.recv().await {
        if writer.write_all(format!("{line}\n").as_bytes()).await.is_err() {
            return;
        }
    }
}
