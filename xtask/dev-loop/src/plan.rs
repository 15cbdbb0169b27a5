//! The stacks that are measured.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use serde::Deserialize;

/// One stack and what watches its sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Loop {
    /// In tables.
    pub(crate) name: String,
    /// How it works.
    pub(crate) kind: Kind,
    /// The copy of the sources that it watches.
    pub(crate) root: PathBuf,
    /// The Compose project.
    pub(crate) project: String,
    /// Where the proxy answers.
    pub(crate) url: String,
    /// The command line of `cargo xtask dev`, for a shell.
    pub(crate) dev: String,
    /// The command line of `docker compose watch`, for a shell.
    pub(crate) watch: String,
}

/// How edits get to where they are used.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// `cargo xtask dev`.
    Slipway,
    /// `docker compose watch`: an image is built, the container replaced.
    Rebuild,
    /// `docker compose watch`: files are copied, the container restarted, `cargo run` in it.
    Sync,
    /// `systemfd` and `watchexec --restart` in the container, `cargo run` in it.
    Watchexec,
}

impl Kind {
    /// The program of the backend in its container.
    pub(crate) fn program(self) -> &'static str {
        match self {
            Self::Slipway => "/srv/bin/backend",
            Self::Rebuild => "/usr/local/bin/backend",
            Self::Sync | Self::Watchexec => "/target/debug/backend",
        }
    }
}

impl Loop {
    /// The name of the container of `service`.
    pub(crate) fn container(&self, service: &str) -> String {
        format!("{}-{service}-1", self.project)
    }

    /// What runs on the host, for a shell; nothing where the container watches by itself.
    pub(crate) fn command(&self) -> Option<String> {
        let line = match self.kind {
            Kind::Slipway => &self.dev,
            Kind::Rebuild | Kind::Sync => &self.watch,
            Kind::Watchexec => return None,
        };
        // The line begins with variables.
        Some(format!("exec env {line}"))
    }
}

/// Reads the plan in `file`.
///
/// # Errors
/// When it cannot be read, or names nothing.
pub(crate) fn read(file: &Path) -> anyhow::Result<Vec<Loop>> {
    let text = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let loops: Vec<Loop> =
        parse(&text).with_context(|| format!("{} is no plan: `cargo xtask bench dev-loop` writes one", file.display()))?;
    ensure!(!loops.is_empty(), "{} names no loop", file.display());
    Ok(loops)
}

fn parse(text: &[u8]) -> anyhow::Result<Vec<Loop>> {
    let values: Vec<serde_json::Value> = serde_json::from_slice(text)?;
    values.into_iter().map(one).collect()
}

fn one(value: serde_json::Value) -> anyhow::Result<Loop> {
    /// As it is written: the name is also the kind.
    #[derive(Deserialize)]
    struct Written {
        name: String,
        root: PathBuf,
        project: String,
        url: String,
        dev: String,
        watch: String,
    }
    let kind = serde_json::from_value(value["name"].clone()).context("nobody knows how such a loop is measured")?;
    let Written { name, root, project, url, dev, watch } = serde_json::from_value(value)?;
    Ok(Loop { name, kind, root, project, url: url.trim_end_matches('/').to_owned(), dev, watch })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_says_what_runs_where() {
        let text = br#"[{"name":"sync","root":"/r","project":"slipway-b-sync","url":"http://localhost:1/","dev":"A=1 xtask dev","watch":"A=1 docker compose watch"},
            {"name":"watchexec","root":"/r","project":"p","url":"u","dev":"d","watch":"w"}]"#;
        let loops = parse(text).unwrap();
        assert_eq!((loops[0].kind, loops[0].url.as_str()), (Kind::Sync, "http://localhost:1"));
        assert_eq!(loops[0].command().as_deref(), Some("exec env A=1 docker compose watch"));
        assert_eq!((loops[0].container("backend").as_str(), loops[1].command()), ("slipway-b-sync-backend-1", None));
        assert!(parse(br#"[{"name":"other","root":"/r","project":"p","url":"u","dev":"d","watch":"w"}]"#).is_err());
    }
}
