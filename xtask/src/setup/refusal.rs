//! Pure: the machines that setup leaves alone, and what it says to their people.

use super::plan::{Installed, Machine};
use super::system::System;
use crate::engine::Trouble;
use crate::report::Failure;

/// Why this machine is left alone.
pub(super) fn of(machine: &Machine) -> Option<Failure> {
    let reason = match &machine.trouble {
        Some(Trouble::NoEngine(reason)) => reason.as_str(),
        _ => "",
    };
    if let Some(remote) = machine.remote.as_ref().filter(|_| !reason.is_empty()) {
        return Some(
            Failure::new(format!("the Docker engine at `{remote}` does not answer, and setup changes this machine only"))
                .detail(reason)
                .hint("start it there, or unset `DOCKER_HOST` and `DOCKER_CONTEXT` to use an engine here"),
        );
    }
    match &machine.system {
        System::Other(name) => return Some(unknown(name)),
        System::Debian { version: Some(version @ ..12), .. } => return Some(too_old(&format!("Debian {version}"), "Debian 12")),
        System::Ubuntu { version: (year @ ..22, month), .. } => return Some(too_old(&format!("Ubuntu {year}.{month:02}"), "Ubuntu 22.04")),
        System::Debian { .. } | System::Ubuntu { .. } => {}
    }
    if !machine.root && reason.contains("permission denied") {
        return Some(Failure::new("this user may not talk to the Docker engine").detail(reason).hint(
            "`sudo usermod --append --groups docker \"$USER\"`, then sign in anew; members of that group have root's power on this machine",
        ));
    }
    if !machine.root {
        return Some(
            Failure::new("only root can install packages and start the engine")
                .hint(format!("`sudo {} setup --engine` does that part; then run the command again as yourself", machine.program)),
        );
    }
    match &machine.trouble {
        Some(Trouble::OldEngine(version)) if machine.engine == Installed::Vendor => Some(
            Failure::new(format!("Docker Engine {version} is too old, and is not from the distribution's own packages"))
                .hint("upgrade it where it came from: `apt-get update && apt-get install docker-ce`"),
        ),
        _ => None,
    }
}

fn unknown(name: &str) -> Failure {
    let failure = Failure::new(format!("setup installs an engine on Debian and Ubuntu only; this is {name}"));
    if ["macOS", "Windows"].contains(&name) {
        return failure.hint("install Docker Desktop, or start it if it is installed, and run the command again");
    }
    failure
        .detail("nothing was changed")
        .hint("install Docker Engine 25 or newer, its Compose plugin 2.24 or newer and its buildx plugin from this system's packages")
        .hint("start the engine (with systemd: `sudo systemctl start docker`) and run the command again")
}

fn too_old(name: &str, oldest: &str) -> Failure {
    Failure::new(format!("{name} is older than setup supports: {oldest} or newer is needed"))
        .hint("upgrade the system, or install Docker Engine 25 or newer by hand")
}

/// Debian's packages are nowhere to be had.
pub(super) fn no_source() -> Failure {
    Failure::new("no source of Debian's own packages was found in `/etc/apt/sources.list` and `/etc/apt/sources.list.d/`")
        .detail("its mirror is what Debian 13's packages of the engine would come from")
        .hint("add one, or install Docker Engine 25 or newer, Compose and buildx by hand")
}
