//! What is wrong with migrations: their files, what their statements do to a database that serves, and how it differs from them.

pub(crate) mod drift;
mod files;
mod finding;
pub(crate) mod statements;

pub(crate) use self::files::{File, read};
pub(crate) use self::finding::{Finding, Kind, Report};

/// What is wrong with the names and pairs of `files`.
pub(crate) fn check(files: &[File], from: Option<u64>) -> Vec<Finding> {
    let mut found = files::check(files);
    for file in judged(files, from).filter(|file| file.is_empty()) {
        let text = if file.is_up() { "has no statement, so it is not applied" } else { "has no statement, so it reverts nothing" };
        found.push(Finding::of(&file.name, Kind::Empty, text));
    }
    found
}

/// Those of `files` whose content counts: one before number `from` was applied before there was a check, and an applied file never changes.
pub(crate) fn judged(files: &[File], from: Option<u64>) -> impl Iterator<Item = &File> {
    files.iter().filter(move |file| files::parse(&file.name).map_or(true, |name| from.is_none_or(|from| name.number >= from)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: &str) -> File {
        File::new(name, text.as_bytes())
    }

    #[test]
    fn files_before_the_first_that_is_checked_are_only_paired() {
        let files = [
            file("20260101000000_a.up.sql", "-- a"),
            file("20260102000000_b.down.sql", "-- b"),
            file("20260102000000_b.up.sql", "-- b"),
            file("later.sql", "-- c"),
        ];
        let found = |from| judged(&files, from).map(|file| file.name.as_str()).collect::<Vec<_>>();
        assert_eq!(found(Some(20_260_102_000_000)), ["20260102000000_b.down.sql", "20260102000000_b.up.sql", "later.sql"]);
        assert_eq!(found(None).len(), 4);
        let texts: Vec<String> = check(&files, Some(20_260_103_000_000)).into_iter().map(|finding| finding.text).collect();
        assert_eq!(texts.len(), 3, "a name, a pair, and the file without a name that sorts: {texts:?}");
    }

    #[test]
    fn a_file_without_a_statement_is_named_in_both_directions() {
        let stubs = [file("20260102000000_b.down.sql", "-- Back.\n"), file("20260102000000_b.up.sql", "-- Why.\nBEGIN; COMMIT;\n")];
        let texts: Vec<String> = check(&stubs, None).into_iter().map(|finding| finding.text).collect();
        assert_eq!(texts, ["has no statement, so it reverts nothing", "has no statement, so it is not applied"]);
        assert_eq!(check(&stubs, Some(20_260_103_000_000)), [], "what was applied before there was a check");
    }
}
