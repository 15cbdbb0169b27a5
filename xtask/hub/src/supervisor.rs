//! The process that started this one and swaps it for newer builds, if there is one: it hands over the listening socket, and waits to hear that this
//! process is ready. The protocol is that of systemd. Without such a process nothing here does anything.

use std::env;
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use anyhow::Context as _;
use listenfd::ListenFd;

/// The listening socket that was handed over, if one was.
pub(crate) fn inherited() -> anyhow::Result<Option<TcpListener>> {
    let listener = ListenFd::from_env().take_tcp_listener(0).context("what `LISTEN_FDS` hands over is no listening TCP socket")?;
    if let Some(listener) = &listener {
        // Whoever opened it need not know how it is used here.
        listener.set_nonblocking(true)?;
    }
    Ok(listener)
}

/// Tells whoever waits for it, if `NOTIFY_SOCKET` names somebody, that this process serves from now on.
pub(crate) fn ready() {
    if let Some(socket) = env::var_os("NOTIFY_SOCKET").filter(|socket| !socket.is_empty())
        && let Err(error) = tell(Path::new(&socket), b"READY=1")
    {
        eprintln!("the supervisor at `{}` cannot be told that this process is ready: {error}", socket.display());
    }
}

fn tell(socket: &Path, message: &[u8]) -> std::io::Result<()> {
    let from = UnixDatagram::unbound()?;
    // A supervisor that does not listen must not stop this process.
    from.set_nonblocking(true)?;
    from.send_to(message, socket).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_supervisor_hears_it_and_its_absence_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        assert!(tell(&path, b"READY=1").is_err());
        let socket = UnixDatagram::bind(&path).unwrap();
        tell(&path, b"READY=1").unwrap();
        let mut buffer = [0; 100];
        let read = socket.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..read], b"READY=1");
    }
}
