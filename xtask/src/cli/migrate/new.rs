//! `migrate new`: the files of a migration.

use std::path::Path;

use anyhow::Context as _;
use backup::time;

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
    let now = timestamp(time::now());
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
    let [year, month, day, hour, minute, second] = time::civil(seconds);
    format!("{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}")
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
