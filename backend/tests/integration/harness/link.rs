//! A TCP connection to a service that a test can cut and restore, or whose answers it can hold back.
use std::net::Ipv4Addr;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

pub(crate) struct Link {
    pub(crate) port: u16,
    open: watch::Sender<bool>,
    held: watch::Sender<Option<Held>>,
}

/// Answers wait until `command` was sent so many times more.
#[derive(Clone, Copy)]
struct Held {
    command: &'static str,
    times: usize,
}

impl Link {
    pub(super) async fn to(target: String) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (open, state) = watch::channel(true);
        let held = watch::Sender::new(None);
        let holding = held.clone();
        tokio::spawn(async move {
            loop {
                let (mut near, _) = listener.accept().await.unwrap();
                let (mut state, target, held) = (state.clone(), target.clone(), holding.clone());
                tokio::spawn(async move {
                    if !*state.borrow() {
                        return;
                    }
                    let mut far = TcpStream::connect(target).await.unwrap();
                    let ((near_read, near_write), (far_read, far_write)) = (near.split(), far.split());
                    tokio::select! {
                        _ = forward(near_read, far_write, &held) => {}
                        _ = backward(far_read, near_write, held.subscribe()) => {}
                        _ = state.wait_for(|open| !open) => {}
                    }
                });
            }
        });
        Link { port, open, held }
    }

    /// Closes all connections; new ones are closed at once.
    pub(crate) fn cut(&self) {
        self.open.send_replace(false);
    }

    pub(crate) fn restore(&self) {
        self.open.send_replace(true);
    }

    /// Holds all answers back until `command` was sent `times` times.
    pub(crate) fn hold(&self, command: &'static str, times: usize) {
        self.held.send_replace(Some(Held { command, times }));
    }
}

async fn forward(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    held: &watch::Sender<Option<Held>>,
) -> std::io::Result<()> {
    let mut bytes = [0; 4096];
    loop {
        let length = from.read(&mut bytes).await?;
        if length == 0 {
            return Ok(());
        }
        to.write_all(&bytes[..length]).await?;
        held.send_if_modified(|held| {
            let Some(Held { command, times }) = *held else { return false };
            let seen = String::from_utf8_lossy(&bytes[..length]).matches(command).count();
            *held = times.checked_sub(seen).filter(|left| *left > 0).map(|times| Held { command, times });
            true
        });
    }
}

async fn backward(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut held: watch::Receiver<Option<Held>>,
) -> std::io::Result<()> {
    let mut bytes = [0; 4096];
    loop {
        let length = from.read(&mut bytes).await?;
        if length == 0 {
            return Ok(());
        }
        let _ = held.wait_for(Option::is_none).await;
        to.write_all(&bytes[..length]).await?;
    }
}
