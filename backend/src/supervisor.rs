//! The process that started this one and swaps it for newer builds, if there is one: it hands over the listening socket, and waits to hear that this
//! process is ready. The protocol is that of systemd. Without such a process nothing here does anything.
use anyhow::Context;
use listenfd::ListenFd;
use std::env;
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;

/// Whoever waits for this process to be ready. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Supervisor {
    socket: Option<PathBuf>,
}

impl Supervisor {
    /// The one that `NOTIFY_SOCKET` names, if it names one.
    pub fn from_env() -> Self {
        Supervisor { socket: env::var_os("NOTIFY_SOCKET").filter(|path| !path.is_empty()).map(PathBuf::from) }
    }

    /// One that listens at a socket of the caller's choice.
    pub fn at(socket: PathBuf) -> Self {
        Supervisor { socket: Some(socket) }
    }

    /// Whether somebody waits.
    pub fn is_there(&self) -> bool {
        self.socket.is_some()
    }

    /// Tells that this process serves from now on.
    pub fn ready(&self) {
        self.tell("READY=1");
    }

    /// Tells what this process waits for.
    pub fn waits(&self, reason: &str) {
        self.tell(&format!("STATUS={}", reason.replace('\n', " ")));
    }

    fn tell(&self, message: &str) {
        let Some(socket) = &self.socket else { return };
        let told = UnixDatagram::unbound().and_then(|from| {
            // A supervisor that does not listen must not stop this process.
            from.set_nonblocking(true)?;
            from.send_to(message.as_bytes(), socket)
        });
        if let Err(error) = told {
            tracing::warn!(socket = %socket.display(), %error, "the supervisor cannot be told: {message}");
        }
    }
}

/// The listening socket that was handed over, if one was.
pub fn inherited() -> anyhow::Result<Option<TcpListener>> {
    let listener = ListenFd::from_env().take_tcp_listener(0).context("what `LISTEN_FDS` hands over is no listening TCP socket")?;
    if let Some(listener) = &listener {
        // Whoever opened it need not know how it is used here.
        listener.set_nonblocking(true)?;
    }
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_supervisor_hears_what_it_needs() {
        let path = env::temp_dir().join(format!("supervisor-test-{}", uuid::Uuid::now_v7()));
        let socket = UnixDatagram::bind(&path).unwrap();
        let supervisor = Supervisor::at(path.clone());
        supervisor.waits("one\ntwo");
        supervisor.ready();
        let mut buffer = [0; 100];
        for expected in ["STATUS=one two", "READY=1"] {
            let read = socket.recv(&mut buffer).unwrap();
            assert_eq!(str::from_utf8(&buffer[..read]).unwrap(), expected);
        }
        std::fs::remove_file(path).unwrap();
        // Nobody listens: nothing happens.
        supervisor.ready();
        assert!(!Supervisor::default().is_there());
    }
}
