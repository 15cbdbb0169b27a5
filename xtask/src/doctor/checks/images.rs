//! The images: which are here, and whether they are older than their sources.

use super::{setup, unknown, untold};
use crate::doctor::facts::Images;
use crate::doctor::{Check, Facts};
use crate::images::inventory::Entry;

const NAMES: [&str; 3] = ["base-images", "own-images", "outdated-images"];

/// Those of this room.
pub(super) fn checks(facts: &Facts) -> Vec<Check> {
    match facts.contents.as_ref().map(|contents| &contents.images) {
        _ if facts.environment.is_err() => Vec::new(),
        Ok(Ok(images)) => vec![bases(images, facts), own(images), outdated(images, facts)],
        Ok(Err(why)) => NAMES.map(|name| unknown(name, why, facts)).into(),
        Err(why) => NAMES.into_iter().filter_map(|name| untold(name, why, facts)).collect(),
    }
}

fn missing(entries: &[Entry]) -> Vec<&str> {
    entries.iter().filter(|entry| entry.facts.is_none()).map(|entry| entry.image.as_str()).collect()
}

fn bases(images: &Images, facts: &Facts) -> Check {
    match missing(&images.bases).as_slice() {
        [] => Check::good("base-images", format!("all {} here", images.bases.len())),
        missing => Check::bad("base-images", format!("missing: {}", missing.join(", ")), setup(facts)),
    }
}

/// Images that were not built yet are no fault: every start builds them.
fn own(images: &Images) -> Check {
    match missing(&images.own).as_slice() {
        [] => Check::good("own-images", format!("all {} here", images.own.len())),
        missing => Check::good("own-images", format!("the next start builds {}", missing.join(", "))),
    }
}

fn outdated(images: &Images, facts: &Facts) -> Check {
    let outdated = match &images.outdated {
        Ok(outdated) => outdated,
        Err(why) => return unknown("outdated-images", why, facts),
    };
    if outdated.is_empty() {
        return Check::good("outdated-images", "none is older than what it is built from");
    }
    let named: Vec<String> = outdated.iter().map(|image| format!("{} ({} is newer)", image.service, image.file.display())).collect();
    let services: Vec<&str> = outdated.iter().map(|image| image.service.as_str()).collect();
    let command = if facts.running.containers.as_ref().is_ok_and(|containers| !containers.is_empty()) { "rebuild" } else { "images build" };
    Check::bad(
        "outdated-images",
        format!("older than what they are built from: {}", named.join(", ")),
        format!("`cargo xtask {command} {}{}`", services.join(" "), facts.flags),
    )
}
