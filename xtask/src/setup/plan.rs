//! Pure: which steps make a machine ready for the stack, or why we leave it alone.

use std::fmt;
use std::path::PathBuf;

use super::refusal;
use super::sources::{self, Source};
use super::system::System;
use crate::commands::images::RELEASE;
use crate::commands::{apt, daemon};
use crate::engine::Trouble;
use crate::process::Invocation;
use crate::report::Failure;

/// Where the engine's output goes when no service manager keeps it.
pub(crate) const ENGINE_LOG: &str = "/var/log/dockerd.log";

/// What was found on the machine, as far as the engine is concerned.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    /// The operating system.
    pub(crate) system: System,
    /// Whether we are root.
    pub(crate) root: bool,
    /// Whether systemd is the service manager that runs.
    pub(crate) systemd: bool,
    /// Why the engine cannot be used.
    pub(crate) trouble: Option<Trouble>,
    /// Whether Compose and buildx are there and new enough.
    pub(crate) compose: bool,
    /// The same of buildx.
    pub(crate) buildx: bool,
    /// The installed engine, running or not.
    pub(crate) engine: Installed,
    /// The process id of an engine that runs or is just starting.
    pub(crate) engine_pid: Option<u32>,
    /// Files with the process ids of an engine, and of its helper, that are gone.
    pub(crate) stale_pid_files: Vec<PathBuf>,
    /// An engine elsewhere that the client is told to use.
    pub(crate) remote: Option<String>,
    /// Whether an installation was interrupted before.
    pub(crate) interrupted: bool,
    /// The package sources.
    pub(crate) sources: Vec<Source>,
    /// This program, for a person to run with `sudo`.
    pub(crate) program: String,
}

/// An engine as far as installed packages tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Installed {
    /// There is none.
    No,
    /// There is one that is too old.
    Old,
    /// There is one that will do.
    Yes,
    /// There is one from its maker's own package source, whose packages have other names.
    Vendor,
}

/// One change, in words and as commands.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Step {
    /// What it does, as the rest of the sentence "this will …".
    pub(crate) sentence: String,
    /// In this order.
    pub(crate) actions: Vec<Action>,
}

/// A part of a step.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    /// Runs a command to its end.
    Run(Invocation),
    /// Writes a file.
    Write(PathBuf, String),
    /// Removes a file.
    Remove(PathBuf),
    /// Ends the process of this id and waits until it is gone.
    Terminate(u32),
    /// Starts a command that goes on, with its output in a log file.
    Detach(Invocation),
    /// Waits until the engine answers.
    AwaitEngine,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(command) => write!(f, "{command}"),
            Self::Write(path, text) => {
                write!(f, "write {}:", path.display())?;
                text.lines().try_for_each(|line| write!(f, "\n  {line}"))
            }
            Self::Remove(path) => write!(f, "rm {}", path.display()),
            Self::Terminate(pid) => write!(f, "{}", daemon::terminate(*pid)),
            Self::Detach(command) => write!(f, "{command} >>{ENGINE_LOG} 2>&1 &"),
            Self::AwaitEngine => write!(f, "wait until `docker version` names the engine"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.sentence)?;
        self.actions.iter().try_for_each(|action| write!(f, "\n    {}", action.to_string().replace('\n', "\n    ")))
    }
}

/// The steps that give `machine` a usable engine; none when it has one.
///
/// # Errors
/// When the machine is one that we do not change: the text says what to do by hand.
pub(crate) fn engine(machine: &Machine) -> Result<Vec<Step>, Failure> {
    let Some(wanted) = Wanted::of(machine) else { return Ok(Vec::new()) };
    refusal::of(machine).map_or(Ok(()), Err)?;
    let mut steps = Vec::new();
    if machine.interrupted {
        steps.push(Step {
            sentence: "finish an installation of packages that was interrupted".to_owned(),
            actions: vec![Action::Run(apt::finish_interrupted())],
        });
    }
    let packages = wanted.packages(machine);
    if !packages.is_empty() {
        steps.extend(install(machine, &packages)?);
    }
    if wanted.start || wanted.engine {
        steps.push(start(machine, wanted.replaces(machine)));
    }
    Ok(steps)
}

/// Which parts are wanted.
#[derive(Clone, Copy)]
struct Wanted {
    engine: bool,
    compose: bool,
    buildx: bool,
    start: bool,
}

impl Wanted {
    fn of(machine: &Machine) -> Option<Self> {
        let no_client = matches!(machine.trouble, Some(Trouble::NoClient | Trouble::OnlyPodman));
        let start = matches!(machine.trouble, Some(Trouble::NoEngine(_))) || no_client;
        let old = matches!(machine.trouble, Some(Trouble::OldEngine(_)));
        let engine = no_client || old || start && matches!(machine.engine, Installed::No | Installed::Old);
        let wanted = Self { engine, compose: !machine.compose, buildx: !machine.buildx, start };
        (engine || wanted.compose || wanted.buildx || start).then_some(wanted)
    }

    /// Whether an engine that may run becomes another one.
    fn replaces(self, machine: &Machine) -> bool {
        self.engine && machine.engine == Installed::Old
    }

    fn packages(self, machine: &Machine) -> Vec<&'static str> {
        let (compose, buildx) = match (machine.engine, &machine.system) {
            (Installed::Vendor, _) => ("docker-compose-plugin", "docker-buildx-plugin"),
            (_, System::Ubuntu { .. }) => ("docker-compose-v2", "docker-buildx"),
            _ => ("docker-compose", "docker-buildx"),
        };
        match (self.engine, &machine.system) {
            (true, System::Ubuntu { .. }) => vec!["docker.io", compose, buildx],
            (true, _) => vec!["docker.io", "docker-cli", "containerd", compose, buildx, "iptables"],
            (false, _) => {
                [(self.compose, compose), (self.buildx, buildx)].into_iter().filter(|(wanted, _)| *wanted).map(|(_, name)| name).collect()
            }
        }
    }
}

/// The steps that install `packages`.
fn install(machine: &Machine, packages: &[&str]) -> Result<Vec<Step>, Failure> {
    let backported = machine.system_is_before_release() && machine.engine != Installed::Vendor;
    let mut steps = Vec::new();
    let mut names: Vec<String> = packages.iter().map(|name| (*name).to_owned()).collect();
    if backported {
        let source = machine.mirror_source().ok_or_else(refusal::no_source)?;
        let file = PathBuf::from(format!("/etc/apt/sources.list.d/slipway-{RELEASE}.sources"));
        steps.push(Step {
            sentence: format!("add the packages of Debian 13 ({RELEASE}) to choose from; what is installed stays on this release"),
            actions: vec![
                Action::Write(file.clone(), stanza(source)),
                Action::Write(
                    PathBuf::from(format!("/etc/apt/preferences.d/slipway-{RELEASE}")),
                    format!("Package: *\nPin: release n={RELEASE}\nPin-Priority: 50\n"),
                ),
                Action::Run(apt::update(&file)),
            ],
        });
        // Named with their release, they alone come from it: runc, for one, must stay the one that this release's libc runs.
        for name in names.iter_mut().filter(|name| name.as_str() != "iptables") {
            *name = format!("{name}/{RELEASE}");
        }
    }
    let actions = vec![update_own(machine), Action::Run(apt::install(&names))];
    let beside = if machine.trouble == Some(Trouble::OnlyPodman) { "; podman stays as it is" } else { "" };
    steps.push(Step { sentence: format!("install {}{beside}", packages.join(", ")), actions });
    Ok(steps)
}

impl Machine {
    fn system_is_before_release(&self) -> bool {
        matches!(self.system, System::Debian { version: Some(..13), .. })
    }

    /// The source of the distribution's packages, among all of this machine's.
    fn mirror_source(&self) -> Option<&Source> {
        sources::of_release(&self.sources, self.system.codename()?)
    }

    /// The package sources of `release` at the mirrors of this machine, where it is a Debian: the release, what was mended in it since, and, where the
    /// machine has a mirror for that, what was mended for security. Nothing elsewhere.
    pub(crate) fn debian_sources(&self, release: &str) -> Vec<String> {
        let System::Debian { .. } = self.system else { return Vec::new() };
        let Some(source) = self.mirror_source() else { return Vec::new() };
        let security = self.system.codename().and_then(|codename| sources::security_of(&self.sources, codename, source));
        let suites = [(Some(source), ""), (Some(source), "-updates"), (security, "-security")];
        let lines = suites
            .into_iter()
            .filter_map(|(source, suffix)| Some(format!("deb {} {release}{suffix} main", sources::resolve_mirror(&source?.uri)?)));
        lines.collect()
    }
}

/// The steps that install `mmdebstrap`, for building base images.
///
/// # Errors
/// When we may not, or do not know how.
pub(crate) fn mmdebstrap(machine: &Machine) -> Result<Step, Failure> {
    if let System::Other(name) = &machine.system {
        return Err(Failure::new(format!("base images are built from Debian's packages with `mmdebstrap`, which setup cannot install on {name}"))
            .hint("connect to a network that reaches an image registry, or bring the official images with `docker image save` and `docker image load`"));
    }
    let mut packages = vec!["mmdebstrap".to_owned()];
    if !matches!(machine.system, System::Debian { .. }) {
        packages.push("debian-archive-keyring".to_owned());
    }
    if !machine.root {
        return Err(Failure::new("base images are built with `mmdebstrap`, which only root can install")
            .hint(format!("`sudo apt-get install {}`, then run the command again", packages.join(" "))));
    }
    let mut actions = vec![update_own(machine), Action::Run(apt::install(&packages))];
    if machine.interrupted {
        actions.insert(0, Action::Run(apt::finish_interrupted()));
    }
    Ok(Step { sentence: format!("install {}", packages.join(", ")), actions })
}

/// Fetches the package lists that the distribution's own packages are found in: old ones may name files that the mirror no longer has.
fn update_own(machine: &Machine) -> Action {
    let source = machine.mirror_source().filter(|_| machine.engine != Installed::Vendor);
    Action::Run(source.map_or_else(apt::update_all, |source| apt::update(&source.file)))
}

fn stanza(source: &Source) -> String {
    let signed_by = source.signed_by.as_ref().map(|key| format!("Signed-By:{}{key}\n", if key.starts_with('\n') { "" } else { " " }));
    format!("Types: deb\nURIs: {}\nSuites: {RELEASE}\nComponents: main\n{}", source.uri, signed_by.unwrap_or_default())
}

/// The step that starts the engine; `replaced` when an older one may still run.
fn start(machine: &Machine, replaced: bool) -> Step {
    if machine.systemd {
        let command = if replaced { daemon::restart_service() } else { daemon::start_service() };
        return Step { sentence: "start the engine".to_owned(), actions: vec![Action::Run(command), Action::AwaitEngine] };
    }
    match machine.engine_pid {
        Some(_) if !replaced => Step { sentence: "wait for the engine, which is starting".to_owned(), actions: vec![Action::AwaitEngine] },
        pid => {
            let mut actions: Vec<Action> = pid.map(Action::Terminate).into_iter().collect();
            // A new engine takes such a number for a running predecessor's if any process has it, be it a dead one that its parent never asked for.
            actions.extend(machine.stale_pid_files.iter().cloned().map(Action::Remove));
            actions.extend([Action::Detach(daemon::start()), Action::AwaitEngine]);
            let sentence = if pid.is_some() { "start the engine anew; its containers stop meanwhile" } else { "start the engine" };
            Step { sentence: sentence.to_owned(), actions }
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
