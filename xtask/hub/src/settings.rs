//! Settings, from environment variables.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;

/// How the hub runs.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// `PORT`: where pages are served.
    pub(crate) port: u16,
    /// `HUB_SOCKET`: where the feed comes in.
    pub(crate) socket: PathBuf,
    /// `SITE_HOSTS`: names, besides those of this machine, under which the pages may be used; with spaces between them.
    pub(crate) hosts: Vec<String>,
    /// `HUB_PATIENCE_MS`: how long a browser may take nothing of what is sent to it.
    pub(crate) patience: Duration,
}

impl Settings {
    pub(crate) fn from_env() -> anyhow::Result<Self> {
        let port = match std::env::var("PORT") {
            Ok(port) => port.parse().with_context(|| format!("`PORT` is `{port}`, which is no port; set it to a number up to 65535"))?,
            Err(_) => 4000,
        };
        let patience = match std::env::var("HUB_PATIENCE_MS") {
            Ok(patience) => patience.parse().with_context(|| format!("`HUB_PATIENCE_MS` is `{patience}`; set it to milliseconds"))?,
            Err(_) => 15_000,
        };
        let socket = std::env::var_os("HUB_SOCKET").map_or_else(|| PathBuf::from("/tmp/hub.sock"), PathBuf::from);
        let hosts = std::env::var("SITE_HOSTS").unwrap_or_default();
        let hosts = hosts.split_whitespace().map(str::to_ascii_lowercase).collect();
        Ok(Self { port, socket, hosts, patience: Duration::from_millis(patience) })
    }
}
