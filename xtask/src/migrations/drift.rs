//! How the database and the migrations of the program differ, from what `migrate status` says.

use super::files::{self, File};
use super::finding::{Finding, Kind};

/// One line of `migrate status`: `applied  20260101000000  create tasks  own=sha384:…  recorded=sha384:…`, without checksums where they were not asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// `applied`, `pending`, `empty, not applied`, …
    state: String,
    /// What orders migrations.
    pub(crate) number: u64,
    /// What it does; empty where it is unknown.
    pub(crate) name: String,
    /// The checksum of the program's text.
    own: Option<String>,
    /// That of the text that was applied.
    recorded: Option<String>,
}

/// The state of what is no migration: an index or a constraint, which follows.
const INVALID: &str = "invalid";
/// What comes before checksums.
const SUMS: [&str; 2] = ["own=", "recorded="];

impl Line {
    fn parse(line: &str) -> Option<Self> {
        if let Some(object) = line.strip_prefix(INVALID).filter(|rest| rest.starts_with(' ')) {
            let (state, name) = (INVALID.to_owned(), object.trim().to_owned());
            return Some(Self { state, number: 0, name, own: None, recorded: None });
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let at = words.iter().position(|word| word.parse::<u64>().is_ok()).filter(|at| *at > 0)?;
        let rest = &words[at + 1..];
        let sum = |what: &str| rest.iter().find_map(|word| word.strip_prefix(what)).map(str::to_owned);
        let name: Vec<&str> = rest.iter().filter(|word| !SUMS.iter().any(|sum| word.starts_with(sum))).copied().collect();
        Some(Self {
            state: words[..at].join(" "),
            number: words[at].parse().ok()?,
            name: name.join(" "),
            own: sum(SUMS[0]),
            recorded: sum(SUMS[1]),
        })
    }

    /// What should not be.
    pub(crate) fn drift(&self) -> Option<Finding> {
        let (kind, text) = match self.state.as_str() {
            INVALID => return Some(Finding::of(&self.name, Kind::Invalid, "is not valid: the database does not use it")),
            "changed" => (Kind::Changed, "was changed after it was applied"),
            "unknown" => (Kind::Missing, "was applied to the database, and the program that runs does not have it"),
            "out-of-order" => (Kind::OutOfOrder, "is not applied, and a later one is"),
            "duplicate" => (Kind::Number, "has the number of another one"),
            _ => return None,
        };
        Some(Finding::of(format!("{} {}", self.number, self.name).trim_end(), kind, text))
    }

    /// What is wrong where no file of `numbered` has its number.
    fn without_file(&self, numbered: &[(u64, &File)]) -> Option<Finding> {
        let what = format!("{} {}", self.number, self.name);
        let moved = numbered.iter().find(|(_, file)| self.recorded.as_ref() == Some(&file.checksum));
        match (self.is_applied(), moved) {
            (true, Some((_, file))) => Some(Finding::of(
                what.trim_end(),
                Kind::Missing,
                format!("was applied, and `{}` has its text under another number", file.name),
            )),
            (true, None) if self.state != "unknown" => {
                Some(Finding::of(what.trim_end(), Kind::Missing, "was applied, and there is no file of it here"))
            }
            (true, None) => self.drift(),
            (false, _) => Some(Finding::of(what.trim_end(), Kind::Unbuilt, "is in the program that runs, and there is no file of it here")),
        }
    }

    /// What is wrong with `file`, which has its number.
    fn against(&self, file: &File) -> Option<Finding> {
        let same = |sum: &Option<String>| sum.as_ref().map(|sum| *sum == file.checksum);
        match (same(&self.recorded), same(&self.own)) {
            (Some(false), _) => Some(Finding::of(&file.name, Kind::Changed, "was changed after it was applied")),
            (Some(true), None) => {
                Some(Finding::of(&file.name, Kind::Unbuilt, "was applied, and the program that runs was built without it"))
            }
            (_, Some(false)) => {
                Some(Finding::of(&file.name, Kind::Unbuilt, "is not as the program that runs has it, which was built with another text"))
            }
            _ => self.drift(),
        }
    }

    /// Whether the program has another text than the one that was applied.
    pub(crate) fn is_changed(&self) -> bool {
        self.state == "changed"
    }

    /// Whether it is about a migration.
    pub(crate) fn is_migration(&self) -> bool {
        self.state != INVALID
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

/// How `files`, the database and the program that runs differ. Without checksums in `lines`, texts are not compared: see [`compared`].
pub(crate) fn compare(lines: &[Line], files: &[File]) -> Vec<Finding> {
    let ups = files.iter().filter(|file| file.is_up());
    let numbered: Vec<(u64, &File)> = ups.filter_map(|file| Some((files::number(&file.name)?, file))).collect();
    let mut found: Vec<Finding> = Vec::new();
    found.extend(lines.iter().filter(|line| !line.is_migration()).filter_map(Line::drift));
    for line in lines.iter().filter(|line| line.is_migration()) {
        let of: Vec<&File> = numbered.iter().filter(|(number, _)| *number == line.number).map(|(_, file)| *file).collect();
        match of[..] {
            [] => found.extend(line.without_file(&numbered)),
            [file] => found.extend(line.against(file)),
            // Several files with one number are named by themselves.
            _ => found.extend(line.drift().filter(|finding| finding.kind != Kind::Number)),
        }
    }
    let lacks = |number: u64| lines.iter().all(|line| line.number != number);
    let applied = |file: &File| lines.iter().any(|line| line.recorded.as_ref() == Some(&file.checksum));
    let unbuilt = numbered.iter().filter(|(number, file)| lacks(*number) && !file.is_empty() && !applied(file));
    found.extend(
        unbuilt.map(|(_, file)| Finding::of(&file.name, Kind::Unbuilt, "is not in the program that runs, which was built without it")),
    );
    found
}

/// Whether `lines` have what is needed to compare texts.
pub(crate) fn compared(lines: &[Line]) -> bool {
    lines.iter().filter(|line| line.is_migration()).all(|line| line.own.is_some() || line.recorded.is_some())
}

/// `status` without checksums: they are for programs.
pub(crate) fn readable(status: &str) -> String {
    let cut =
        |line: &str| SUMS.iter().filter_map(|sum| line.find(&format!("  {sum}"))).min().map_or(line.to_owned(), |at| line[..at].to_owned());
    status.lines().map(cut).collect::<Vec<_>>().join("\n")
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
        let invalid = check(&parse("applied 1 a\ninvalid            index public.\"a 1\"\n"));
        assert_eq!(invalid, [Finding::of("index public.\"a 1\"", Kind::Invalid, "is not valid: the database does not use it")]);
        assert_eq!(pending(&parse(STATUS)).collect::<Vec<_>>(), [20_260_101_000_005]);
    }

    const FILE: &str = "20260101000001_a.up.sql";

    /// What is said of these files, beside a program and a database that have these texts of number 1.
    fn told(state: &str, own: Option<&str>, recorded: Option<&str>, files: &[(&str, &str)]) -> String {
        let sum = |what: &str, text: Option<&str>| {
            text.map(|text| format!("  {what}={}", File::new("", text.as_bytes()).checksum)).unwrap_or_default()
        };
        let status = format!("{state}  20260101000001  a{}{}\n", sum("own", own), sum("recorded", recorded));
        let files: Vec<File> = files.iter().map(|(name, text)| File::new(name, text.as_bytes())).collect();
        let found = compare(&parse(&status), &files);
        found.into_iter().map(|finding| format!("{}: {:?}: {}", finding.file, finding.kind, finding.text)).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn files_database_and_program_are_compared() {
        let cases = [
            // Whatever the program says: it may have the text that was applied.
            told("applied", Some("A"), Some("A"), &[(FILE, "A!")]),
            told("changed", Some("A!"), Some("A"), &[(FILE, "A!")]),
            told("applied", Some("A\n"), Some("A\n"), &[(FILE, "A\r\n")]),
            told("changed", Some("A!"), Some("A"), &[(FILE, "A")]),
            told("unknown", None, Some("A"), &[(FILE, "A")]),
            told("applied", Some("A"), Some("A"), &[]),
            told("unknown", None, Some("A"), &[]),
            told("applied", Some("A"), Some("A"), &[("20260101000002_a.up.sql", "A")]),
            told("pending", Some("A"), None, &[(FILE, "A!")]),
            told("empty, not applied", Some("-- A"), None, &[(FILE, "A!")]),
            told("pending", Some("A"), None, &[]),
            told("out-of-order", Some("A"), None, &[(FILE, "A")]),
            told("applied", Some("A"), Some("A"), &[(FILE, "A"), ("20260102000000_late.up.sql", "SELECT 1"), ("late.sql", "")]),
        ];
        insta::assert_snapshot!(cases.join("\n---\n"));
    }

    #[test]
    fn what_is_as_it_should_be_is_not_named() {
        assert_eq!(told("applied", Some("A"), Some("A"), &[(FILE, "A"), ("20260101000001_a.down.sql", "B")]), "");
        assert_eq!(told("pending", Some("A"), None, &[(FILE, "A")]), "");
        assert_eq!(told("empty, not applied", Some("-- A"), None, &[(FILE, "-- A")]), "");
        assert_eq!(
            told("applied", Some("A"), Some("A"), &[(FILE, "A"), ("20260102000000_stub.up.sql", "-- Why.\n")]),
            "",
            "a stub is not applied"
        );
        let twice = [(FILE, "A"), ("20260101000001_b.up.sql", "B")];
        assert_eq!(told("applied", Some("A"), Some("A"), &twice), "", "files with one number are named by themselves");
    }

    #[test]
    fn without_checksums_texts_are_not_compared_and_that_is_known() {
        let lines = parse("applied 20260101000001 a\n");
        assert_eq!((compare(&lines, &[File::new(FILE, b"A!")]), compared(&lines)), (Vec::new(), false));
        assert!(compared(&parse("applied 20260101000001 a  own=sha384:1  recorded=sha384:1\n")));
    }

    #[test]
    fn a_line_is_read_with_and_without_checksums() {
        let text = "empty, not applied 3  add x  own=sha384:1\napplied            4  add y  own=sha384:1  recorded=sha384:2\n";
        let lines = parse(text);
        assert_eq!(
            (lines[0].state.as_str(), lines[0].name.as_str(), lines[0].own.as_deref()),
            ("empty, not applied", "add x", Some("sha384:1"))
        );
        assert_eq!(lines[1].recorded.as_deref(), Some("sha384:2"));
        assert_eq!(readable(text), "empty, not applied 3  add x\napplied            4  add y");
    }

    #[test]
    fn the_newest_applied_is_found_among_talk() {
        assert_eq!(newest(&parse(STATUS)).map(|line| line.number), Some(20_260_101_000_004));
        let lines = parse("Attaching to migrate\napplied 2 b\napplied 1 a c\n\npending 3 d\n");
        assert_eq!(newest(&lines).map(|line| (line.number, line.name.as_str())), Some((2, "b")));
        assert_eq!(newest(&parse("pending 3 d")), None);
    }
}
