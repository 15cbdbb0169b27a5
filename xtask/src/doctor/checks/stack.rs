//! What runs: the port, services that are not well, restarts, the guard, migrations, names between containers.

use super::{first_line, unknown, untold};
use crate::doctor::{Check, Facts};
use crate::engine::containers::Container;
use crate::health;
use crate::migrations::drift;

/// So many restarts since somebody last started a service are more than an accident.
const RESTARTS: u64 = 5;

/// Those of this room.
pub(super) fn checks(facts: &Facts) -> Vec<Check> {
    if facts.environment.is_err() {
        return Vec::new();
    }
    let mut checks = vec![port(facts)];
    checks.extend(services(facts));
    let containers = facts.running.containers.as_deref().unwrap_or_default();
    if containers.iter().any(Container::running) {
        checks.extend([restarts(containers, facts), guard(facts)]);
        checks.extend([migrations(facts), names(facts)].into_iter().flatten());
    }
    checks
}

fn port(facts: &Facts) -> Check {
    match &facts.running.address {
        Err(why) => unknown("port", why, facts),
        Ok(Ok(address)) => Check::good("port", address.note().map_or_else(|| address.url(), |note| format!("{} ({note})", address.url()))),
        Ok(Err(error)) => {
            let fix = error.lines().find_map(|line| line.strip_prefix("hint: ")).unwrap_or("stop what holds it");
            Check::bad("port", first_line(error), fix)
        }
    }
}

fn services(facts: &Facts) -> Option<Check> {
    if let Some(foreign) = &facts.running.foreign {
        let hints: Vec<&str> = foreign.lines().filter_map(|line| line.strip_prefix("hint: ")).collect();
        return Some(Check::bad("stack", first_line(foreign), hints.join("; ")));
    }
    let containers = match &facts.running.containers {
        Ok(containers) => containers,
        Err(why) => return Some(unknown("stack", why, facts)),
    };
    let running = containers.iter().filter(|container| container.running()).count();
    if containers.is_empty() {
        return Some(Check::good("stack", "not running"));
    }
    let model = match &facts.contents {
        Ok(contents) => &contents.model,
        Err(why) => return untold("stack", why, facts),
    };
    let unwell: Vec<(&str, String)> = health::problems(model, containers).filter_map(|(name, problem)| Some((name, problem?))).collect();
    if unwell.is_empty() {
        return Some(Check::good("stack", format!("{running} running")));
    }
    let named: Vec<String> = unwell.iter().map(|(name, problem)| format!("{name}: {problem}")).collect();
    let there = |name: &&str| containers.iter().any(|container| container.service() == *name);
    let logs: Vec<&str> = unwell.iter().map(|(name, _)| *name).filter(there).collect();
    let fix = if logs.is_empty() {
        format!("`cargo xtask up{}`", facts.flags)
    } else {
        format!("`cargo xtask logs{} {}` shows why, `cargo xtask up{0}` starts what does not run", facts.flags, logs.join(" "))
    };
    Some(Check::bad("stack", named.join("; "), fix))
}

fn restarts(containers: &[Container], facts: &Facts) -> Check {
    let restarted: Vec<&Container> = containers.iter().filter(|container| container.restart_count > 0).collect();
    let named: Vec<String> = restarted.iter().map(|container| format!("{} {}", container.service(), container.restart_count)).collect();
    let often: Vec<&str> =
        restarted.iter().filter(|container| container.restart_count >= RESTARTS).map(|container| container.service()).collect();
    match (named.is_empty(), often.is_empty()) {
        (true, _) => Check::good("restarts", "the engine restarted nothing"),
        (_, true) => Check::good("restarts", format!("the engine restarted: {}", named.join(", "))),
        _ => Check::bad(
            "restarts",
            format!("the engine restarted: {}", named.join(", ")),
            format!(
                "`cargo xtask logs{} --grep 'panic|error' {}` shows why; `cargo xtask restart {1}{0}` counts anew",
                facts.flags,
                often.join(" ")
            ),
        ),
    }
}

fn guard(facts: &Facts) -> Check {
    let wanted = facts.environment.as_ref().is_ok_and(|environment| environment.guard.enabled);
    match (wanted, facts.running.guarded, facts.running.attached) {
        (_, true, _) => Check::good("guard", "restarts what hangs"),
        (_, _, true) => Check::good("guard", "`dev` is attached, and restarts what hangs"),
        (false, ..) => Check::good("guard", "this environment wants none"),
        (true, ..) => {
            Check::bad("guard", "does not run: nobody restarts what hangs", format!("`cargo xtask up{}` leaves one behind", facts.flags))
        }
    }
}

fn migrations(facts: &Facts) -> Option<Check> {
    let lines = match facts.running.migrations.as_ref()? {
        Ok(lines) => lines,
        Err(why) => return Some(unknown("migrations", why, facts)),
    };
    let pending: Vec<String> = drift::pending(lines).map(|number| number.to_string()).collect();
    let differing: Vec<String> = drift::check(lines).into_iter().map(|finding| format!("{} {}", finding.file, finding.text)).collect();
    Some(match (pending.is_empty(), differing.is_empty()) {
        (true, true) => Check::good("migrations", format!("all {} applied", lines.iter().filter(|line| line.is_migration()).count())),
        (_, false) => Check::bad("migrations", differing.join("; "), format!("`cargo xtask migrate check{}` says more", facts.flags)),
        (false, true) => {
            Check::bad("migrations", format!("pending: {}", pending.join(", ")), format!("`cargo xtask migrate{}`", facts.flags))
        }
    })
}

fn names(facts: &Facts) -> Option<Check> {
    let look_up = match facts.running.look_up.as_ref()? {
        Ok(look_up) => look_up,
        Err(why) => return Some(unknown("container-dns", why, facts)),
    };
    let name = &look_up.name;
    Some(match look_up.found {
        Some(true) => Check::good("container-dns", format!("the proxy finds `{name}`")),
        None => Check::good("container-dns", "the proxy's image has no `getent` to ask with"),
        Some(false) => Check::bad(
            "container-dns",
            format!("the proxy does not find `{name}`"),
            format!("`cargo xtask up{}` starts it, or recreates its container where it has left a network", facts.flags),
        ),
    })
}
