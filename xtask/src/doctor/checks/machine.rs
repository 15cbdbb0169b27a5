//! The machine beside the engine: what may be watched, and names.

use super::unanswered;
use crate::doctor::{Check, Facts};

/// This repository with everything that is built has about a thousand directories, and editors watch as well.
const WATCHES: u64 = 8192;
/// Each program that watches takes one.
const INSTANCES: u64 = 128;

/// Those of this room.
pub(super) fn checks(facts: &Facts) -> Vec<Check> {
    let mut checks: Vec<Check> = inotify(facts).into_iter().collect();
    checks.push(names(facts));
    checks
}

fn inotify(facts: &Facts) -> Option<Check> {
    let limits = facts.machine.inotify?;
    let detail = format!("{} directories may be watched, by {} programs", limits.watches, limits.instances);
    let kinds = [("max_user_watches", limits.watches, WATCHES, 524_288), ("max_user_instances", limits.instances, INSTANCES, 1024)];
    let few = kinds.into_iter().filter(|(_, limit, least, _)| limit < least);
    let settings: Vec<String> = few.map(|(name, _, _, enough)| format!("fs.inotify.{name}={enough}")).collect();
    Some(if settings.is_empty() {
        Check::good("inotify", detail)
    } else {
        Check::bad("inotify", format!("{detail}; `dev` compares what it cannot watch"), format!("`sudo sysctl {}`", settings.join(" ")))
    })
}

/// A name server that does not answer is a fact and no fault: a machine without a way out may be meant to be one.
fn names(facts: &Facts) -> Check {
    let addresses = match &facts.machine.localhost {
        Ok(addresses) => addresses,
        Err(why) => return unanswered("dns", why, facts),
    };
    if addresses.is_empty() || !addresses.iter().all(std::net::IpAddr::is_loopback) {
        let found: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        let found = if found.is_empty() { "nothing".to_owned() } else { found.join(", ") };
        return Check::bad("dns", format!("`localhost` is {found}"), "write the line `127.0.0.1 localhost` into `/etc/hosts`");
    }
    Check::good(
        "dns",
        match facts.machine.name_server {
            Some((server, true)) => format!("`localhost` is here, the name server {server} answers"),
            Some((server, false)) => {
                format!("`localhost` is here; the name server {server} does not answer, so nothing can be downloaded by name")
            }
            None => "`localhost` is here".to_owned(),
        },
    )
}
