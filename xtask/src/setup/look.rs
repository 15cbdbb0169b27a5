//! What is on the machine: the questions that `plan` answers from.

use std::path::{Path, PathBuf};

use super::plan::{Installed, Machine};
use super::sources;
use super::system::System;
use crate::commands::{self, apt};
use crate::engine::{self, Trouble};
use crate::process::Invocation;

/// Where an engine leaves its process id.
const ENGINE_PID: &str = "/run/docker.pid";
/// Where an engine that runs without a service manager leaves the process id of its own containerd.
const CONTAINERD_PID: &str = "/run/docker/containerd/containerd.pid";

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
            engine_pid: holder(ENGINE_PID, "dockerd"),
            stale_pid_files: [(ENGINE_PID, "dockerd"), (CONTAINERD_PID, "containerd")]
                .into_iter()
                .filter(|(file, name)| Path::new(file).exists() && holder(file, name).is_none())
                .map(|(file, _)| PathBuf::from(file))
                .collect(),
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

/// The process whose id is in `file`, if it runs and is the program `name` indeed: numbers are used again.
fn holder(file: &str, name: &str) -> Option<u32> {
    let pid = std::fs::read_to_string(file).ok()?.trim().parse().ok()?;
    runs(pid, name).then_some(pid)
}

/// Whether the process `pid` runs and is the program `name`.
pub(crate) fn runs(pid: u32, name: &str) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| is_running(&stat, name))
}

/// Reads `<pid> (<name>) <state> …`. A dead process stays in the state `Z` until its parent asks for it, which in containers may be never.
fn is_running(stat: &str, name: &str) -> bool {
    stat.split_once(' ').and_then(|(_, rest)| rest.strip_prefix(&format!("({name}) "))).is_some_and(|state| !state.starts_with(['Z', 'X']))
}

/// The address or the context of an engine that may be on another machine.
pub(crate) fn remote() -> Option<String> {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    set("DOCKER_HOST").filter(|host| !host.starts_with("unix://")).or_else(|| set("DOCKER_CONTEXT").filter(|context| context != "default"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_engine_does_not_run() {
        assert!(is_running("625 (dockerd) S 1 625 625 0 -1", "dockerd"));
        assert!(!is_running("625 (dockerd) Z 1 625 625 0 -1", "dockerd"));
        assert!(!is_running("625 (bash) S 1 625 625 0 -1", "dockerd"));
    }
}
