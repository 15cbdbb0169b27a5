//! `migrate new`: the files of a migration.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

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
    let unusable = |reason: std::io::Error| {
        Failure::new(format!("no migration can be made in {}: {reason}", directory.display()))
            .detail("nothing was changed")
            .hint("`directory` of `x-migrations` in `infra/compose.yaml` names it")
    };
    let directory = directory.canonicalize().map_err(unusable)?;
    let taken: Vec<String> = names(&directory).map_err(unusable)?;
    let number = free(time::now(), &taken);
    let files = [("up", UP), ("down", DOWN)].map(|(direction, text)| (directory.join(format!("{number}_{name}.{direction}.sql")), text));
    if !context.dry_run() {
        let mut made: Vec<&Path> = Vec::new();
        for (path, text) in &files {
            let written = File::create_new(path).and_then(|mut file| file.write_all(text.as_bytes()));
            if let Err(reason) = written {
                // Half of a migration is none. Nothing more can be done about a file that cannot be removed.
                made.into_iter().for_each(|path| drop(std::fs::remove_file(path)));
                return Err(unusable(reason).into());
            }
            made.push(path);
        }
    }
    files.iter().for_each(|(path, _)| product(path.display().to_string()));
    Ok(())
}

/// The names of what is in `directory`.
fn names(directory: &Path) -> std::io::Result<Vec<String>> {
    std::fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

/// The number of the first second from `now` on that no file of `taken` has.
fn free(now: u64, taken: &[String]) -> String {
    let mut numbers = (now..).map(timestamp);
    let is_free = |number: &String| !taken.iter().any(|name| name.starts_with(number.as_str()));
    numbers.find(is_free).unwrap_or_default()
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
    fn two_of_one_second_have_numbers_of_their_own() {
        let taken = ["20000229000000_a.up.sql", "20000229000000_a.down.sql", "20000229000001_b.sql"].map(str::to_owned);
        assert_eq!([free(951_782_400, &taken), free(951_782_400, &[])], ["20000229000002", "20000229000000"]);
    }

    #[test]
    fn timestamps_are_utc() {
        assert_eq!(
            [0, 951_782_400, 1_709_210_096, 1_795_226_400].map(timestamp),
            ["19700101000000", "20000229000000", "20240229123456", "20261121020000"]
        );
    }
}
