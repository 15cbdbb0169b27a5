//! The engine: versions, what it has to work with, and what it keeps for nobody.

use super::{first_line, setup, unknown};
use crate::doctor::facts::Known;
use crate::doctor::{Check, Facts};
use crate::engine::Trouble;
use crate::report::human_bytes;

/// Own and base images, their build caches and a little data take about so much.
const DISK: u64 = 10 << 30;
/// The limits of all services together, and a build beside them.
const MEMORY: u64 = 3 << 30;
/// More than this nobody needs, however often they build.
const WASTE: u64 = 20_000_000_000;
/// By so many seconds clocks may differ: certificates, sessions and times in logs do not mind.
const SECONDS: u64 = 5;

/// Those of this room.
pub(super) fn checks(facts: &Facts) -> Vec<Check> {
    let mut checks = vec![client(facts), engine(facts), compose(facts), plugin("buildx", &facts.engine.buildx, facts)];
    checks.extend([limits(facts), clock(facts), disk(facts), memory(facts), processors(facts), waste(facts)]);
    checks.extend(abandoned(facts));
    checks
}

/// The first line of what a person reads about `trouble`.
fn words(trouble: &Trouble) -> String {
    first_line(&trouble.failure().to_string()).to_owned()
}

fn client(facts: &Facts) -> Check {
    match (&facts.engine.trouble, &facts.engine.client) {
        (Some(trouble @ (Trouble::NoClient | Trouble::OnlyPodman)), _) => Check::bad("client", words(trouble), setup(facts)),
        (_, version) => Check::good("client", version.clone().unwrap_or_else(|| "of unknown version".to_owned())),
    }
}

fn engine(facts: &Facts) -> Check {
    match (&facts.engine.trouble, &facts.engine.server) {
        (Some(Trouble::NoEngine(reason)), _) => Check::bad("engine", reason.clone(), setup(facts)),
        (Some(trouble @ Trouble::OldEngine(_)), _) => Check::bad("engine", words(trouble), setup(facts)),
        (_, Some(version)) => Check::good("engine", version.clone()),
        (_, None) => Check::bad("engine", "not known without a client to ask it", setup(facts)),
    }
}

fn compose(facts: &Facts) -> Check {
    match &facts.engine.trouble {
        Some(trouble @ Trouble::OldCompose(_)) => Check::bad("compose", words(trouble), setup(facts)),
        _ => plugin("compose", &facts.engine.compose, facts),
    }
}

fn plugin(name: &'static str, version: &Known<Option<String>>, facts: &Facts) -> Check {
    match version {
        Ok(Some(version)) => Check::good(name, version.clone()),
        Ok(None) => Check::bad(name, format!("`docker {name}` is missing"), setup(facts)),
        Err(why) => unknown(name, why, facts),
    }
}

/// Whether what the compose files say of memory, processors and processes holds.
fn limits(facts: &Facts) -> Check {
    let host = match &facts.engine.host {
        Ok(host) => host,
        Err(why) => return unknown("cgroup", why, facts),
    };
    let kinds = [(host.memory_limit, "memory"), (host.cpu_cfs_quota, "processors"), (host.pids_limit, "processes")];
    let missing: Vec<&str> = kinds.into_iter().filter(|(holds, _)| !holds).map(|(_, name)| name).collect();
    let version = &host.cgroup_version;
    if missing.is_empty() {
        return Check::good("cgroup", format!("version {version}; limits of memory, processors and processes hold"));
    }
    Check::bad(
        "cgroup",
        format!("version {version}; the kernel does not hold services to limits of {}", missing.join(", ")),
        "boot the engine's machine with `systemd.unified_cgroup_hierarchy=1`, and `cgroup_enable=memory` where memory is missing",
    )
}

fn clock(facts: &Facts) -> Check {
    let ahead = match (&facts.engine.host, facts.engine.ahead) {
        (Err(why), _) => return unknown("clock", why, facts),
        (_, None) => return unknown("clock", "the engine does not say what time it is", facts),
        (_, Some(ahead)) => ahead,
    };
    let way = if ahead > 0 { "ahead of" } else { "behind" };
    match ahead.unsigned_abs() {
        seconds if seconds <= SECONDS => Check::good("clock", "the engine's is that of this machine"),
        seconds => Check::bad(
            "clock",
            format!("the engine's is {seconds} s {way} that of this machine"),
            "restart Docker Desktop, whose own machine slept; elsewhere `sudo timedatectl set-ntp true` on both machines",
        ),
    }
}

fn disk(facts: &Facts) -> Check {
    let host = match &facts.engine.host {
        Ok(host) => host,
        Err(why) => return unknown("disk", why, facts),
    };
    match facts.engine.free {
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
    match &facts.engine.host {
        Err(why) => unknown("memory", why, facts),
        Ok(host) if host.memory < MEMORY => Check::bad(
            "memory",
            format!("the engine has {}, {} are needed", human_bytes(host.memory), human_bytes(MEMORY)),
            "give it more memory (Docker Desktop: Settings, Resources), or lower the limits in the environment's file",
        ),
        Ok(host) => Check::good("memory", human_bytes(host.memory)),
    }
}

/// The engine makes no container that may use more processors than there are.
fn processors(facts: &Facts) -> Check {
    let host = match &facts.engine.host {
        Ok(host) => host,
        Err(why) => return unknown("processors", why, facts),
    };
    let limits = facts.environment.iter().flat_map(|environment| &environment.limits);
    let above = limits.filter(|(_, limits)| limits.cpus.is_some_and(|cpus| cpus.0 > f64::from(host.processors)));
    let above: Vec<&str> = above.map(|(service, _)| service.as_str()).collect();
    if above.is_empty() {
        return Check::good("processors", host.processors.to_string());
    }
    let keys: Vec<String> = above.iter().map(|service| format!("`limits.{service}.cpus`")).collect();
    Check::bad(
        "processors",
        format!("the engine has {}, and more than that may be used by: {}", host.processors, above.join(", ")),
        format!("lower {} in the environment's file, or give the engine more", keys.join(", ")),
    )
}

fn waste(facts: &Facts) -> Check {
    match facts.engine.waste {
        Err(ref why) => unknown("wasted-space", why, facts),
        Ok(waste) => {
            let detail = format!("{} in images without a name, {} in build caches", human_bytes(waste.images), human_bytes(waste.cache));
            if waste.images + waste.cache > WASTE {
                Check::bad("wasted-space", detail, "`docker image prune --force`, then `docker builder prune --keep-storage 10GB`")
            } else {
                Check::good("wasted-space", detail)
            }
        }
    }
}

/// Stacks of checkouts that are gone: nobody would ever stop them.
fn abandoned(facts: &Facts) -> Option<Check> {
    let checkouts = match facts.engine.checkouts.as_ref()? {
        Ok(checkouts) => checkouts,
        Err(why) => return Some(unknown("abandoned-stacks", why, facts)),
    };
    let gone: Vec<_> = checkouts.iter().filter(|checkout| !checkout.there).collect();
    if gone.is_empty() {
        return Some(Check::good("abandoned-stacks", format!("none among {} stacks of this engine", checkouts.len())));
    }
    let named: Vec<String> = gone.iter().map(|checkout| format!("`{}` of {}", checkout.project, checkout.directory.display())).collect();
    let down: Vec<String> =
        gone.iter().map(|checkout| format!("`docker compose --project-name {} down --remove-orphans`", checkout.project)).collect();
    Some(Check::bad(
        "abandoned-stacks",
        format!("their checkout is gone: {}", named.join(", ")),
        format!("{}; data stays", down.join(", ")),
    ))
}
