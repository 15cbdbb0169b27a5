//! What is on the machine: the questions that `plan` answers from.

use std::path::{Path, PathBuf};

use super::plan::{Installed, Machine};
use super::sources;
use super::system::System;
use crate::commands::{self, apt};
use crate::engine::{self, Trouble};
use crate::process::Invocation;

/// What decides whether anything has to be done for the engine; asked at every `--setup`.
pub(crate) struct Engine {
    /// Why it cannot be used.
    pub(crate) trouble: Option<Trouble>,
    /// Whether the Compose plugin is there and new enough.
    pub(crate) compose: bool,
    /// Whether the buildx plugin is there.
    pub(crate) buildx: bool,
}

impl Engine {
    /// Asks engine and plugins.
    ///
    /// # Errors
    /// When a program cannot be run at all.
    pub(crate) fn look() -> anyhow::Result<Self> {
        std::thread::scope(|scope| {
            let buildx = scope.spawn(|| answers(&commands::engine::buildx_version()));
            let trouble = engine::trouble()?;
            // Trouble with the engine hides trouble with Compose.
            let compose = trouble.is_none() || engine::compose_usable();
            Ok(Self { trouble, compose, buildx: buildx.join().unwrap_or(false) })
        })
    }

    /// Whether nothing is missing.
    pub(crate) fn ready(&self) -> bool {
        self.trouble.is_none() && self.compose && self.buildx
    }
}

impl Machine {
    /// Looks at everything else that installing and starting an engine depends on.
    pub(crate) fn look(engine: Engine) -> Self {
        Self {
            system: System::here(),
            root: Invocation::new("id").arg("-u").read().is_ok_and(|id| id.trim() == "0"),
            systemd: Path::new("/run/systemd/system").is_dir(),
            engine: installed(),
            engine_pid: engine_pid(),
            remote: remote(),
            interrupted: std::fs::read_dir("/var/lib/dpkg/updates").is_ok_and(|mut files| files.next().is_some()),
            sources: sources::read(Path::new("/etc/apt")),
            program: std::env::current_exe().unwrap_or_else(|_| PathBuf::from("xtask")).display().to_string(),
            trouble: engine.trouble,
            compose: engine.compose,
            buildx: engine.buildx,
        }
    }
}

fn answers(question: &Invocation) -> bool {
    question.capture().is_ok_and(|output| output.code == 0)
}

fn installed() -> Installed {
    let vendor = apt::installed(&["docker-ce"]).capture().is_ok_and(|output| output.stdout.starts_with("ii"));
    if vendor {
        return Installed::Vendor;
    }
    match Invocation::new("dockerd").arg("--version").capture() {
        Ok(output) if output.code == 0 => {
            // `Docker version 26.1.5+dfsg1, build 411e817`
            let version = output.stdout.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
            if engine::recent(version.unwrap_or_default()) { Installed::Yes } else { Installed::Old }
        }
        _ => Installed::No,
    }
}

/// The process that holds the engine's lock, if it is an engine indeed: numbers are used again.
fn engine_pid() -> Option<u32> {
    let pid = std::fs::read_to_string("/run/docker.pid").ok()?.trim().parse().ok()?;
    runs(pid).then_some(pid)
}

/// Whether the process `pid` is an engine that runs.
pub(crate) fn runs(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "dockerd")
}

fn remote() -> Option<String> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    set("DOCKER_HOST").filter(|host| !host.starts_with("unix://")).or_else(|| set("DOCKER_CONTEXT").filter(|context| context != "default"))
}
