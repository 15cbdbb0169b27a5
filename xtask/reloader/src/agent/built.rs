//! `reloader built`: the health check of the container of the agent.
use anyhow::bail;
use clap::Args;
use std::path::{Path, PathBuf};

/// Where the agent listens.
pub(super) const SOCKET: &str = "/tmp/agent.sock";

/// The flags of `reloader built`.
#[derive(Debug, Args)]
pub(crate) struct Built {
    /// The control socket of the agent
    #[arg(long, value_name = "PATH", default_value = SOCKET)]
    socket: PathBuf,
}

impl Built {
    /// Fails if the agent has not built everything once.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        if !marker(&self.socket).exists() {
            bail!("the first build has not succeeded yet; the log of this container shows how far it is");
        }
        Ok(())
    }
}

/// The file that is there when everything was built once.
pub(super) fn marker(socket: &Path) -> PathBuf {
    socket.with_extension("built")
}
