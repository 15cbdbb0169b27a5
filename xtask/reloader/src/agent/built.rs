//! `reloader built`: the health check of the container of the agent.
use anyhow::{Context, bail};
use clap::Args;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the agent listens.
pub(super) const SOCKET: &str = "/tmp/agent.sock";
/// How long the agent may take to greet, which it does at once also while cargo is at work. Less than the engine gives a check.
const GREETING: Duration = Duration::from_secs(2);
/// More than the words of a greeting are.
const LONGEST: u64 = 1 << 16;

/// The flags of `reloader built`.
#[derive(Debug, Args)]
pub(crate) struct Built {
    /// The control socket of the agent
    #[arg(long, value_name = "PATH", default_value = SOCKET)]
    socket: PathBuf,
}

impl Built {
    /// Fails if the agent has not built everything once, or does not answer.
    pub(crate) fn run(self) -> anyhow::Result<()> {
        if !marker(&self.socket).exists() {
            bail!("the first build has not succeeded yet; the log of this container shows how far it is");
        }
        greeted(&self.socket).with_context(|| format!("the agent at `{}` does not answer", self.socket.display()))
    }
}

/// Waits until the agent says something: it greets whoever connects.
fn greeted(socket: &Path) -> anyhow::Result<()> {
    let stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(GREETING))?;
    let mut line = Vec::new();
    BufReader::new(stream.take(LONGEST)).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        bail!("it hung up");
    }
    Ok(())
}

/// The file that is there when everything was built once.
pub(super) fn marker(socket: &Path) -> PathBuf {
    socket.with_extension("built")
}
