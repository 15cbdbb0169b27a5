//! `migrate new`: the files of a migration.

use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;

use crate::cli::Context;
use crate::report::{Failure, product};

/// Makes `<UTC time>_<name>.up.sql` and `.down.sql` in `directory`: files sort by when they were begun, also those of two branches.
pub(super) fn new(context: &Context, directory: &Path, name: &str) -> anyhow::Result<()> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() || name.len() > 60 || !name.chars().all(allowed) {
        return Err(Failure::new(format!("`{name}` is not a name for a migration"))
            .hint("write what it does in a-z, 0-9 and `_`: `add_due_date`")
            .into());
    }
    let directory = directory.canonicalize().with_context(|| format!("cannot find {}", directory.display()))?;
    let now = timestamp(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs());
    for (direction, text) in [("up", UP), ("down", DOWN)] {
        let path = directory.join(format!("{now}_{name}.{direction}.sql"));
        if !context.dry_run() {
            std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        }
        product(path.display().to_string());
    }
    Ok(())
}

const UP: &str = "-- What changes and why. The old version of the application runs on this schema until it is replaced: add before you use, remove after nothing uses it.\n";
const DOWN: &str = "-- How to go back to the schema before, and what is lost by it.\n";

/// `20260102030405` for seconds since 1970, in UTC.
fn timestamp(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Days to a civil date, counting years from March so that the leap day is the last of its year.
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}{month:02}{day:02}{:02}{:02}{:02}", rest / 3600, rest % 3600 / 60, rest % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_utc() {
        assert_eq!(
            [0, 951_782_400, 1_709_210_096, 1_795_226_400].map(timestamp),
            ["19700101000000", "20000229000000", "20240229123456", "20261121020000"]
        );
    }
}
