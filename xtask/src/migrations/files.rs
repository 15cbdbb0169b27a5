//! The files of migrations: which belong together, and in which order they come.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;

use super::finding::{Finding, Kind};

/// How many digits a number has: a UTC time, so that the order of names is the order of numbers.
const DIGITS: usize = 14;

/// One file of a migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    /// Its name, without a directory.
    pub(crate) name: String,
    /// What is in it.
    pub(crate) text: String,
}

/// Which way a file leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Direction {
    /// To the new schema.
    Up,
    /// Back.
    Down,
}

/// What the name of a file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name<'a> {
    /// What orders migrations.
    pub(crate) number: u64,
    /// Number and name: what both files of a migration have in common.
    pub(crate) stem: &'a str,
    /// Which way it leads.
    pub(crate) direction: Direction,
}

/// The files in `directory` that end in `.sql`, by name.
///
/// # Errors
/// When one of them cannot be read.
pub(crate) fn read(directory: &Path) -> anyhow::Result<Vec<File>> {
    let unreadable = || format!("cannot read {}", directory.display());
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).with_context(unreadable)? {
        let entry = entry.with_context(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".sql") && entry.path().is_file() {
            let text = std::fs::read(entry.path()).with_context(|| format!("cannot read {}", entry.path().display()))?;
            files.push(File { name, text: String::from_utf8_lossy(&text).into_owned() });
        }
    }
    files.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(files)
}

/// Takes a name apart.
///
/// # Errors
/// With the reason why it cannot be one of a migration.
pub(crate) fn parse(name: &str) -> Result<Name<'_>, String> {
    let ends = [(".up.sql", Direction::Up), (".down.sql", Direction::Down)];
    let found = ends.into_iter().find_map(|(end, direction)| Some((name.strip_suffix(end)?, direction)));
    let (stem, direction) = found.ok_or("it ends neither in `.up.sql` nor in `.down.sql`")?;
    let digits = stem.len() - stem.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, rest) = stem.split_at(digits);
    if number.is_empty() {
        return Err("it does not begin with a number".to_owned());
    }
    if number.len() != DIGITS {
        return Err(format!("its number has {} digits instead of {DIGITS}, so that it does not sort among the others", number.len()));
    }
    let words = rest.strip_prefix('_').unwrap_or_default();
    if words.is_empty() || !words.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
        return Err("its number is not followed by `_` and a name of a-z, 0-9 and `_`".to_owned());
    }
    let number = number.parse().map_err(|_| "its number is too large".to_owned())?;
    Ok(Name { number, stem, direction })
}

/// What is wrong with names, numbers and pairs.
pub(crate) fn check(files: &[File]) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut migrations: BTreeMap<u64, BTreeMap<&str, Vec<Direction>>> = BTreeMap::new();
    for file in files {
        match parse(&file.name) {
            Ok(name) => migrations.entry(name.number).or_default().entry(name.stem).or_default().push(name.direction),
            Err(reason) => found.push(Finding::of(&file.name, Kind::Name, reason)),
        }
    }
    for (number, stems) in &migrations {
        if stems.len() > 1 {
            let names: Vec<String> = stems.keys().map(|stem| format!("`{stem}`")).collect();
            let all = names.join(", ");
            let text = format!("{number} is that of {}: {all}", if names.len() == 2 { "two" } else { "several" });
            found.push(Finding::of(stems.keys().next_back().copied().unwrap_or_default(), Kind::Number, text));
        }
        for (stem, directions) in stems {
            match directions[..] {
                [Direction::Up] => {
                    found.push(Finding::of(&format!("{stem}.up.sql"), Kind::Pair, "has no `.down.sql`: there is no way back"));
                }
                [Direction::Down] => found.push(Finding::of(&format!("{stem}.down.sql"), Kind::Pair, "has no `.up.sql`: it is never run")),
                _ => {}
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_names(names: &[&str]) -> Vec<String> {
        let files: Vec<File> = names.iter().map(|name| File { name: (*name).to_owned(), text: String::new() }).collect();
        check(&files).into_iter().map(|finding| format!("{}: {}", finding.file, finding.text)).collect()
    }

    #[test]
    fn pairs_with_numbers_of_their_own_are_well() {
        let names = ["20260101000000_a.up.sql", "20260101000000_a.down.sql", "20260101000001_b_2.up.sql", "20260101000001_b_2.down.sql"];
        assert_eq!(check_names(&names), [""; 0]);
        let name = parse("20260101000001_b_2.down.sql").expect("a name");
        assert_eq!(name, Name { number: 20_260_101_000_001, stem: "20260101000001_b_2", direction: Direction::Down });
    }

    #[test]
    fn both_directions_are_there() {
        insta::assert_snapshot!(check_names(&["20260101000000_a.up.sql", "20260101000001_b.down.sql"]).join("\n"), @r"
        20260101000000_a.up.sql: has no `.down.sql`: there is no way back
        20260101000001_b.down.sql: has no `.up.sql`: it is never run
        ");
    }

    #[test]
    fn a_number_belongs_to_one_migration() {
        let pair = |stem: &str| [format!("{stem}.up.sql"), format!("{stem}.down.sql")];
        let names = [pair("20260101000000_a"), pair("20260101000000_b")].concat();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(check_names(&names), ["20260101000000_b: 20260101000000 is that of two: `20260101000000_a`, `20260101000000_b`"]);
    }

    #[test]
    fn names_sort_and_have_a_number() {
        let names = [
            "20260101000000_a.sql",
            "20260101000000.up.sql",
            "20260101000000_Add Due.up.sql",
            "20260101000000-a.up.sql",
            "2026_a.up.sql",
            "202601010000001_a.up.sql",
            "add_due.up.sql",
        ];
        insta::assert_snapshot!(check_names(&names).join("\n"), @r"
        20260101000000_a.sql: it ends neither in `.up.sql` nor in `.down.sql`
        20260101000000.up.sql: its number is not followed by `_` and a name of a-z, 0-9 and `_`
        20260101000000_Add Due.up.sql: its number is not followed by `_` and a name of a-z, 0-9 and `_`
        20260101000000-a.up.sql: its number is not followed by `_` and a name of a-z, 0-9 and `_`
        2026_a.up.sql: its number has 4 digits instead of 14, so that it does not sort among the others
        202601010000001_a.up.sql: its number has 15 digits instead of 14, so that it does not sort among the others
        add_due.up.sql: it does not begin with a number
        ");
    }
}
