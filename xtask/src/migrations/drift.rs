//! How the database and the migrations of the program differ, from what `migrate status` says.

use super::files::{self, File};
use super::finding::{Finding, Kind};

/// One line of `migrate status`: `applied  20260101000000  create tasks`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// `applied`, `pending`, …
    state: String,
    /// What orders migrations.
    pub(crate) number: u64,
    /// What it does; empty where the program does not know it.
    pub(crate) name: String,
}

impl Line {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let (state, number) = (words.next()?, words.next()?.parse().ok()?);
        Some(Self { state: state.to_owned(), number, name: words.collect::<Vec<_>>().join(" ") })
    }

    /// What should not be.
    pub(crate) fn drift(&self) -> Option<Finding> {
        let (kind, text) = match self.state.as_str() {
            "changed" => (Kind::Changed, "was changed after it was applied"),
            "unknown" => (Kind::Missing, "was applied to the database, and the program that runs does not have it"),
            "out-of-order" => (Kind::OutOfOrder, "is not applied, and a later one is"),
            _ => return None,
        };
        Some(Finding::of(format!("{} {}", self.number, self.name).trim_end(), kind, text))
    }

    fn is_applied(&self) -> bool {
        ["applied", "changed", "unknown"].contains(&self.state.as_str())
    }
}

/// The lines in `status`, by number.
pub(crate) fn parse(status: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = status.lines().filter_map(Line::parse).collect();
    lines.sort_by_key(|line| line.number);
    lines
}

/// What the program has and the database not yet, by number.
pub(crate) fn pending(lines: &[Line]) -> impl Iterator<Item = u64> {
    lines.iter().filter(|line| line.state == "pending").map(|line| line.number)
}

/// The migration that a revert takes back.
pub(crate) fn newest(lines: &[Line]) -> Option<&Line> {
    lines.iter().rfind(|line| line.is_applied())
}

/// What should not be.
pub(crate) fn check(lines: &[Line]) -> Vec<Finding> {
    lines.iter().filter_map(Line::drift).collect()
}

/// Those of `files` that the program does not have, and so applies never.
pub(crate) fn unbuilt(lines: &[Line], files: &[File]) -> Vec<Finding> {
    let ups = files.iter().filter(|file| !file.name.ends_with(".down.sql"));
    let numbered = ups.filter_map(|file| files::parse(&file.name).ok().map(|name| (file, name.number)));
    // What the database has and the program has not is another thing, and named as such.
    let has = |number: u64| lines.iter().any(|line| line.number == number);
    numbered
        .filter(|(_, number)| !has(*number))
        .map(|(file, _)| Finding::of(&file.name, Kind::Unbuilt, "is not in the program that runs, which was built without it"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "applied      20260101000001  create tasks\nout-of-order 20260101000002  late\nchanged      20260101000003  create users\n\
                          unknown      20260101000004  \npending      20260101000005  next\n";

    #[test]
    fn drift_is_named() {
        let texts: Vec<String> = check(&parse(STATUS)).into_iter().map(|finding| format!("{}: {}", finding.file, finding.text)).collect();
        insta::assert_snapshot!(texts.join("\n"), @r"
        20260101000002 late: is not applied, and a later one is
        20260101000003 create users: was changed after it was applied
        20260101000004: was applied to the database, and the program that runs does not have it
        ");
        assert!(check(&parse("applied 1 a\npending 2 b\n")).is_empty());
        assert_eq!(pending(&parse(STATUS)).collect::<Vec<_>>(), [20_260_101_000_005]);
    }

    #[test]
    fn what_the_program_lacks_is_named() {
        let files =
            ["20260101000001_create_tasks.up.sql", "20260101000001_create_tasks.down.sql", "20260102000000_late.up.sql", "late.sql"];
        let files = files.map(|name| File { name: name.to_owned(), text: String::new() });
        let found = unbuilt(&parse(STATUS), &files).into_iter().map(|finding| finding.file);
        assert_eq!(found.collect::<Vec<_>>(), ["20260102000000_late.up.sql"]);
    }

    #[test]
    fn the_newest_applied_is_found_among_talk() {
        assert_eq!(newest(&parse(STATUS)).map(|line| line.number), Some(20_260_101_000_004));
        let lines = parse("Attaching to migrate\napplied 2 b\napplied 1 a c\n\npending 3 d\n");
        assert_eq!(newest(&lines).map(|line| (line.number, line.name.as_str())), Some((2, "b")));
        assert_eq!(newest(&parse("pending 3 d")), None);
    }
}
