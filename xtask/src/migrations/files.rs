//! The files of migrations: which belong together, and in which order they come.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use sha2::{Digest as _, Sha384};

use super::finding::{Finding, Kind};

/// How many digits a number has: a UTC time, so that the order of names is the order of numbers.
const DIGITS: usize = 14;

/// One file of a migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct File {
    /// Its name, without a directory.
    pub(crate) name: String,
    /// What is in it, as far as it is text.
    pub(crate) text: String,
    /// The checksum of its bytes, as `migrate status` writes it.
    pub(crate) checksum: String,
    /// The first line that is not UTF-8.
    not_text: Option<usize>,
}

impl File {
    /// The file `name` with the content `bytes`.
    pub(crate) fn new(name: &str, bytes: &[u8]) -> Self {
        let digits: String = Sha384::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let valid = std::str::from_utf8(bytes).map_err(|error| error.valid_up_to());
        Self {
            name: name.to_owned(),
            text: String::from_utf8_lossy(bytes).into_owned(),
            checksum: format!("sha384:{digits}"),
            not_text: valid.err().map(|end| 1 + bytes[..end].iter().filter(|byte| **byte == b'\n').count()),
        }
    }

    /// Whether it leads to the newer schema.
    pub(crate) fn is_up(&self) -> bool {
        !self.name.ends_with(".down.sql")
    }

    /// Whether it changes nothing: it has comments at most, or a transaction with nothing in it.
    pub(crate) fn is_empty(&self) -> bool {
        const WORDS: [&str; 7] = ["begin", "commit", "end", "rollback", "start", "transaction", "work"];
        let text = self.text.trim_start_matches('\u{feff}');
        let Some(bare) = without_comments(text) else { return false };
        let words = bare.split(|c: char| c.is_whitespace() || c == ';').filter(|word| !word.is_empty());
        words.into_iter().all(|word| WORDS.iter().any(|known| word.eq_ignore_ascii_case(known)))
    }
}

/// SQL without its comments, which nest; nothing where one has no end. What stands in quotes is taken for a comment too where it looks like one:
/// for the question whether there is a statement at all, the quote alone is an answer.
fn without_comments(text: &str) -> Option<String> {
    let (mut left, mut rest) = (String::new(), text);
    while let Some(at) = [rest.find("--"), rest.find("/*")].into_iter().flatten().min() {
        left.push_str(&rest[..at]);
        left.push(' ');
        rest = &rest[at..];
        if rest.starts_with("--") {
            rest = rest.find(['\n', '\r']).map_or("", |end| &rest[end..]);
            continue;
        }
        let mut depth = 0_usize;
        loop {
            let next = [rest.find("/*"), rest.find("*/")].into_iter().flatten().min()?;
            depth = if rest[next..].starts_with("/*") { depth + 1 } else { depth - 1 };
            rest = &rest[next + 2..];
            if depth == 0 {
                break;
            }
        }
    }
    left.push_str(rest);
    Some(left)
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
            let bytes = std::fs::read(entry.path()).with_context(|| format!("cannot read {}", entry.path().display()))?;
            files.push(File::new(&name, &bytes));
        }
    }
    files.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(files)
}

/// The number that `name` begins with, as the program reads it, whatever else is wrong with the name.
pub(crate) fn number(name: &str) -> Option<u64> {
    name.split_once('_')?.0.parse().ok()
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
    for (file, line) in files.iter().filter_map(|file| Some((file, file.not_text?))) {
        found.push(Finding { line: Some(line), ..Finding::of(&file.name, Kind::Sql, "is not UTF-8, so no program can be built with it") });
    }
    for file in files.iter().filter(|file| file.text.starts_with('\u{feff}')) {
        let text = "begins with a byte order mark, which PostgreSQL takes for a letter of the first word";
        found.push(Finding { line: Some(1), ..Finding::of(&file.name, Kind::Sql, text) });
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
        let files: Vec<File> = names.iter().map(|name| File::new(name, b"SELECT 1;")).collect();
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
    fn what_is_no_text_for_postgresql_is_named_with_its_line() {
        let found = check(&[
            File::new("20260101000000_a.up.sql", b"SELECT 1;\nSELECT '\xff';"),
            File::new("20260101000000_a.down.sql", "\u{feff}SELECT 1;".as_bytes()),
        ]);
        let lines: Vec<String> =
            found.into_iter().map(|finding| format!("{}:{:?}: {}", finding.file, finding.line, finding.text)).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        20260101000000_a.up.sql:Some(2): is not UTF-8, so no program can be built with it
        20260101000000_a.down.sql:Some(1): begins with a byte order mark, which PostgreSQL takes for a letter of the first word
        ");
    }

    #[test]
    fn comments_and_bare_transactions_change_nothing() {
        let empty = |text: &str| File::new("a.up.sql", text.as_bytes()).is_empty();
        for text in
            ["", "-- Why.\n", "\u{feff}/* a /* b */ */\r\n;", "BEGIN; COMMIT;", "start transaction;\nrollback work", "-- no-transaction"]
        {
            assert!(empty(text), "{text:?}");
        }
        for text in ["SELECT 1", "BEGIN; DROP TABLE a; COMMIT", "/* no end", "commitment", "'a'", "SELECT '-- a'", "'/* a */'", "*/"] {
            assert!(!empty(text), "{text:?}");
        }
    }

    #[test]
    fn a_checksum_is_that_of_the_bytes() {
        let sum = |text: &str| File::new("a.up.sql", text.as_bytes()).checksum;
        assert!(sum("").starts_with("sha384:38b060a751ac96384cd9327eb1b1e36a21fdb71114be0743"), "{}", sum(""));
        assert_ne!(sum("a\n"), sum("a\r\n"));
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
