//! `reloader run`: the main process of a container whose program is swapped for newer builds.
use crate::process::Launcher;
use crate::server::Clients;
use crate::supervisor::Supervisor;
use crate::{program, termination};
use clap::Args;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::mpsc;

/// The flags of `reloader run`.
#[derive(Debug, Args)]
pub(crate) struct Run {
    /// How long a new process may take to be ready
    #[arg(long, value_name = "SECONDS", default_value_t = 15)]
    ready_seconds: u64,
    /// How long an old process may take to finish its requests: a little longer than it allows itself, and less than containers have
    #[arg(long, value_name = "SECONDS", default_value_t = 9)]
    drain_seconds: u64,
    /// The control socket
    #[arg(long, value_name = "PATH", default_value = "/tmp/reloader.sock")]
    socket: PathBuf,
    /// The program, by path or by its name on `PATH`, and its arguments
    #[arg(last = true, required = true)]
    command: Vec<OsString>,
}

impl Run {
    /// Supervises until a termination signal.
    pub(crate) async fn run(self) -> anyhow::Result<()> {
        let stop = termination()?;
        let (events, happened) = mpsc::unbounded_channel();
        let mut command = self.command.into_iter();
        let program = command.next().unwrap_or_default();
        let launcher = Launcher {
            arguments: command.collect(),
            listener: program::listen()?,
            notify: self.socket.with_extension("notify"),
            ready: Duration::from_secs(self.ready_seconds),
            events,
            count: 0,
        };
        let clients = Clients::listen(&self.socket)?;
        Supervisor::new(launcher, clients, program, Duration::from_secs(self.drain_seconds)).supervise(happened, stop).await;
        let _ = std::fs::remove_file(&self.socket);
        Ok(())
    }
}
