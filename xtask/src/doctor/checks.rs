//! Pure: the verdict on each fact.

use super::{Check, Facts};
use crate::engine::{Trouble, containers::Container};
use crate::images::inventory::Entry;
use crate::report::human_bytes;

/// Own and base images, their build caches and a little data take about so much.
const DISK: u64 = 10 << 30;
/// The limits of all services together, and a build beside them.
const MEMORY: u64 = 3 << 30;

/// Every check, in the order in which one depends on another.
pub(crate) fn all(facts: &Facts) -> Vec<Check> {
    let mut checks = vec![
        client(facts),
        engine(facts),
        plugin("compose", facts.compose.as_deref(), facts),
        plugin("buildx", facts.buildx.as_deref(), facts),
    ];
    checks.push(disk(facts));
    checks.push(memory(facts));
    checks.extend(environment(facts));
    checks.push(ignored(facts.ignored));
    checks.push(toolchain(facts));
    checks.push(stack(facts));
    checks
}

/// The first line of what a person reads about `trouble`.
fn words(trouble: &Trouble) -> String {
    trouble.failure().to_string().lines().next().unwrap_or_default().to_owned()
}

/// How the engine or a plugin gets there; setup itself says what to do where it cannot help.
fn setup(facts: &Facts) -> String {
    format!("`cargo xtask setup{}`", facts.flags)
}

fn client(facts: &Facts) -> Check {
    match (&facts.trouble, &facts.client) {
        (Some(trouble @ (Trouble::NoClient | Trouble::OnlyPodman)), _) => Check::bad("client", words(trouble), setup(facts)),
        (_, version) => Check::good("client", version.clone().unwrap_or_else(|| "of unknown version".to_owned())),
    }
}

fn engine(facts: &Facts) -> Check {
    match (&facts.trouble, &facts.server) {
        (Some(Trouble::NoEngine(reason)), _) => Check::bad("engine", reason.clone(), setup(facts)),
        (Some(trouble @ Trouble::OldEngine(_)), _) => Check::bad("engine", words(trouble), setup(facts)),
        (_, Some(version)) => Check::good("engine", version.clone()),
        (_, None) => Check::bad("engine", "not known without a client to ask it", setup(facts)),
    }
}

fn plugin(name: &'static str, version: Option<&str>, facts: &Facts) -> Check {
    match (&facts.trouble, version) {
        (Some(trouble @ (Trouble::NoCompose | Trouble::OldCompose(_))), _) if name == "compose" => {
            Check::bad(name, words(trouble), setup(facts))
        }
        (_, Some(version)) => Check::good(name, version),
        (_, None) => Check::bad(name, format!("`docker {name}` is missing"), setup(facts)),
    }
}

fn disk(facts: &Facts) -> Check {
    let Some(host) = &facts.host else { return unknown("disk", facts) };
    match facts.free {
        None => Check::good("disk", "the engine keeps its data elsewhere than on this machine"),
        Some(free) if free < DISK => Check::bad(
            "disk",
            format!("{} free in {}, {} are needed", human_bytes(free), host.root.display(), human_bytes(DISK)),
            "make room: `docker system df` shows what the engine keeps, `docker builder prune` removes old build caches",
        ),
        Some(free) => Check::good("disk", format!("{} free in {}", human_bytes(free), host.root.display())),
    }
}

fn memory(facts: &Facts) -> Check {
    match &facts.host {
        None => unknown("memory", facts),
        Some(host) if host.memory < MEMORY => Check::bad(
            "memory",
            format!("the engine has {}, {} are needed", human_bytes(host.memory), human_bytes(MEMORY)),
            "give it more memory (Docker Desktop: Settings, Resources), or lower the limits in the environment's file",
        ),
        Some(host) => Check::good("memory", human_bytes(host.memory)),
    }
}

/// For what only an engine that answers could tell.
fn unknown(name: &'static str, facts: &Facts) -> Check {
    Check::bad(name, "not known until the engine and Compose answer", setup(facts))
}

/// The environment, and what it asks for.
fn environment(facts: &Facts) -> Vec<Check> {
    let contents = match &facts.environment {
        Ok(Some(contents)) => contents,
        Ok(None) => {
            let unknown = ["base-images", "own-images", "port", "secrets", "backup"].map(|name| unknown(name, facts));
            return [Check::good("environment", "valid")].into_iter().chain(unknown).collect();
        }
        Err(error) => {
            let mut lines = error.lines().map(str::trim).filter(|line| !line.is_empty());
            let detail = lines.next().unwrap_or_default().to_owned();
            let rest: Vec<&str> = lines.map(|line| line.trim_start_matches("hint: ")).collect();
            let fix = if rest.is_empty() { "`cargo xtask status` says more".to_owned() } else { rest.join("; ") };
            return vec![Check::bad("environment", detail, fix)];
        }
    };
    let mut checks = vec![Check::good("environment", "valid")];
    match &contents.images {
        Some((own, bases)) => checks.extend([base_images(bases, facts), own_images(own)]),
        None => checks.extend(["base-images", "own-images"].map(|name| unknown(name, facts))),
    }
    checks.push(match &contents.address {
        Ok(address) => Check::good("port", address.to_string()),
        Err(error) => {
            let mut lines = error.lines();
            let detail = lines.next().unwrap_or_default();
            Check::bad("port", detail, lines.find_map(|line| line.strip_prefix("hint: ")).unwrap_or("stop what holds it"))
        }
    });
    checks.push(if contents.secrets.is_empty() {
        Check::good("secrets", "all there")
    } else {
        let names: Vec<String> =
            contents.secrets.iter().filter_map(|file| Some(file.file_name()?.to_string_lossy().into_owned())).collect();
        Check::bad("secrets", format!("missing: {}", names.join(", ")), setup(facts))
    });
    checks.push(if contents.undecided.is_empty() {
        Check::good("backup", "each volume is backed up, or need not be")
    } else {
        let names = contents.undecided.join(", ");
        Check::bad("backup", format!("nobody has decided about the volumes: {names}"), "name them in `x-backup` of infra/compose.yaml")
    });
    checks
}

fn missing(entries: &[Entry]) -> Vec<&str> {
    entries.iter().filter(|entry| entry.facts.is_none()).map(|entry| entry.image.as_str()).collect()
}

fn base_images(entries: &[Entry], facts: &Facts) -> Check {
    match missing(entries).as_slice() {
        [] => Check::good("base-images", format!("all {} here", entries.len())),
        missing => Check::bad("base-images", format!("missing: {}", missing.join(", ")), setup(facts)),
    }
}

/// Images that were not built yet are no fault: every start builds them.
fn own_images(entries: &[Entry]) -> Check {
    match missing(entries).as_slice() {
        [] => Check::good("own-images", format!("all {} here", entries.len())),
        missing => Check::good("own-images", format!("the next start builds {}", missing.join(", "))),
    }
}

fn ignored(ignored: Option<bool>) -> Check {
    match ignored {
        Some(true) => Check::good("secrets-ignored", "git leaves infra/secrets/ out"),
        Some(false) => Check::bad("secrets-ignored", "git would add infra/secrets/", "add the line `/infra/secrets/*` to `.gitignore`"),
        None => Check::good("secrets-ignored", "not a git checkout"),
    }
}

fn toolchain(facts: &Facts) -> Check {
    match (&facts.pinned, &facts.rust) {
        (None, rust) => Check::good("toolchain", format!("none is pinned; {} answers", rust.as_deref().unwrap_or("none"))),
        (Some(pinned), Some(rust)) if rust == pinned => Check::good("toolchain", rust.clone()),
        (Some(pinned), Some(rust)) => Check::bad(
            "toolchain",
            format!("{rust} answers, rust-toolchain.toml pins {pinned}"),
            format!("`rustup toolchain install {pinned}`, and unset `RUSTUP_TOOLCHAIN` if it is set"),
        ),
        (Some(pinned), None) => Check::bad("toolchain", "`rustc` does not answer", format!("`rustup toolchain install {pinned}`")),
    }
}

fn stack(facts: &Facts) -> Check {
    let containers = match &facts.containers {
        Ok(containers) => containers,
        Err(_) if facts.trouble.is_some() => return unknown("stack", facts),
        Err(error) => return Check::bad("stack", error.lines().next().unwrap_or_default(), "`cargo xtask status` says more"),
    };
    let sick =
        |container: &&Container| !container.completed() && (container.health() == Some("unhealthy") || container.state.exit_code != 0);
    let names: Vec<&str> = containers.iter().filter(sick).map(Container::service).collect();
    let running = containers.iter().filter(|container| container.running()).count();
    match (names.as_slice(), running) {
        ([], 0) => Check::good("stack", "not running"),
        ([], running) => Check::good("stack", format!("{running} running")),
        (names, _) => Check::bad(
            "stack",
            format!("not well: {}", names.join(", ")),
            format!("`cargo xtask logs{} {}` shows why", facts.flags, names.join(" ")),
        ),
    }
}

#[cfg(test)]
mod tests;
