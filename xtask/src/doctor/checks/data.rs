//! The data: is all of it backed up, where to, and how long ago.

use std::time::Duration;

use super::{first_line, untold};
use crate::data::interrupted;
use crate::data::store::Backup;
use crate::doctor::facts::Data;
use crate::doctor::{Check, Facts};
use crate::report::human;

/// Where people's data is, so much may be lost at most, in seconds.
const OLDEST: u64 = 48 * 3600;

/// Those of this room.
pub(super) fn checks(facts: &Facts) -> Vec<Check> {
    let Some(data) = &facts.data else { return Vec::new() };
    let others = [writable(data), age(data, facts), verified(data, facts), whole(data, facts)];
    decided(facts).into_iter().chain(others).collect()
}

fn decided(facts: &Facts) -> Option<Check> {
    let undecided = match &facts.contents {
        Ok(contents) => contents.model.undecided(),
        Err(why) => return untold("backup", why, facts),
    };
    if undecided.is_empty() {
        return Some(Check::good("backup", "each volume is backed up, or need not be"));
    }
    let names = undecided.join(", ");
    let fix = "name them in `x-backup` of infra/compose.yaml";
    Some(Check::bad("backup", format!("nobody has decided about the volumes: {names}"), fix))
}

fn writable(data: &Data) -> Check {
    let directory = data.directory.display();
    if data.writable {
        return Check::good("backup-directory", directory.to_string());
    }
    if let Some(obstacle) = &data.obstacle {
        let obstacle = obstacle.display();
        return Check::bad(
            "backup-directory",
            format!("{directory} cannot be written: {obstacle} is a file"),
            format!("move {obstacle} away, or another `backup.directory` in the environment's file"),
        );
    }
    Check::bad(
        "backup-directory",
        format!("{directory} cannot be written"),
        format!(
            "`sudo mkdir -p {directory}` and `sudo chown $(id -u):$(id -g) {directory}`, or another `backup.directory` in the environment's file"
        ),
    )
}

/// Whether old backups are a fault: where commands ask before they change anything there is data that people would miss.
fn matters(facts: &Facts) -> bool {
    facts.environment.as_ref().is_ok_and(|environment| environment.confirm)
}

fn age(data: &Data, facts: &Facts) -> Check {
    let fix = || format!("`cargo xtask backup{}`, at least once a day", facts.flags);
    let newest = match &data.backups {
        Ok(backups) => backups.last(),
        Err(why) => return Check::bad("backup-age", first_line(why), format!("`cargo xtask backup list{}` says more", facts.flags)),
    };
    let lives = facts.running.containers.as_ref().is_ok_and(|containers| !containers.is_empty());
    match newest {
        Some(newest) => {
            let seconds = data.now.saturating_sub(newest.time());
            judge("backup-age", format!("the newest is {} old", human(Duration::from_secs(seconds))), seconds, facts, fix)
        }
        // Before the first start there is nothing to lose.
        None if matters(facts) && lives => Check::bad("backup-age", "there is no backup", fix()),
        None => Check::good("backup-age", "there is no backup"),
    }
}

fn verified(data: &Data, facts: &Facts) -> Check {
    let fix = || format!("`cargo xtask backup verify latest{}`", facts.flags);
    let backups = data.backups.as_deref().unwrap_or_default();
    let moment = |backup: &Backup| backup::time::parse(backup.verified_at.as_deref()?);
    match backups.iter().filter_map(moment).max() {
        Some(moment) => {
            let seconds = data.now.saturating_sub(moment);
            let detail = format!("one was last read and found whole {} ago", human(Duration::from_secs(seconds)));
            judge("backup-verified", detail, seconds, facts, fix)
        }
        None if matters(facts) && !backups.is_empty() => Check::bad("backup-verified", "none was read again since it was made", fix()),
        None if backups.is_empty() => Check::good("backup-verified", "there is no backup"),
        None => Check::good("backup-verified", "none was read again since it was made"),
    }
}

fn whole(data: &Data, facts: &Facts) -> Check {
    data.interrupted.map_or_else(
        || Check::good("restore", "none was interrupted"),
        |phase| Check::bad("restore", interrupted::meaning(phase), interrupted::fix(&facts.flags)),
    )
}

/// Of something that was done so many seconds ago.
fn judge(name: &'static str, detail: String, seconds: u64, facts: &Facts, fix: impl FnOnce() -> String) -> Check {
    if matters(facts) && seconds > OLDEST { Check::bad(name, detail, fix()) } else { Check::good(name, detail) }
}
