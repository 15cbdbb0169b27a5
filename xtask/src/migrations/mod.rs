//! What is wrong with migrations: their files, what their statements do to a database that serves, and how it differs from them.

pub(crate) mod drift;
mod files;
mod finding;
mod rules;
mod sql;

pub(crate) use self::files::{File, read};
pub(crate) use self::finding::{Finding, Kind, Report};

/// What is wrong with `files`. What the statements of those before number `from` do is not looked at: an applied file never changes.
pub(crate) fn check(files: &[File], from: Option<u64>) -> Vec<Finding> {
    let mut found = files::check(files);
    let old = |file: &File| files::parse(&file.name).is_ok_and(|name| from.is_some_and(|from| name.number < from));
    for file in files.iter().filter(|file| !old(file)) {
        if file.is_empty() {
            let text = if file.is_up() { "has no statement, so it is not applied" } else { "has no statement, so it reverts nothing" };
            found.push(Finding::of(&file.name, Kind::Empty, text));
        } else if file.is_up() {
            found.extend(rules::check(&file.name, &file.text));
        }
    }
    found.sort_by(|left, right| (&left.file, left.line).cmp(&(&right.file, right.line)));
    found
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
            file("20260101000000_a.up.sql", "DROP TABLE a;"),
            file("20260102000000_b.down.sql", "DROP TABLE b; SELECT '"),
            file("20260102000000_b.up.sql", "DROP TABLE b;"),
        ];
        let found = |from| check(&files, from).into_iter().map(|finding| finding.file).collect::<Vec<_>>();
        assert_eq!(found(Some(20_260_102_000_000)), ["20260101000000_a.up.sql", "20260102000000_b.up.sql"]);
        assert_eq!(found(None).len(), 3, "its pair, and what it drops");
        assert_eq!(found(Some(20_260_103_000_000)), ["20260101000000_a.up.sql"]);
    }

    #[test]
    fn a_file_without_a_statement_is_named_in_both_directions() {
        let stubs = [file("20260102000000_b.down.sql", "-- Back.\n"), file("20260102000000_b.up.sql", "-- Why.\nBEGIN; COMMIT;\n")];
        let texts: Vec<String> = check(&stubs, None).into_iter().map(|finding| finding.text).collect();
        assert_eq!(texts, ["has no statement, so it reverts nothing", "has no statement, so it is not applied"]);
        assert_eq!(check(&stubs, Some(20_260_103_000_000)), [], "what was applied before there was a check");
    }

    #[test]
    fn a_file_with_a_bad_name_is_judged_all_the_same() {
        let found = check(&[file("later.sql", "DROP TABLE a;")], Some(20_260_102_000_000));
        assert_eq!(found.len(), 2, "{found:?}");
    }

    #[test]
    fn the_migrations_of_this_repository_are_well() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
        let compose = std::fs::read_to_string(root.join("infra/compose.yaml")).expect("readable");
        let value = |key: &str| compose.lines().find_map(|line| line.trim().strip_prefix(key)).expect("in `x-migrations`").trim();
        let files = read(&root.join("infra").join(value("directory:"))).expect("readable");
        let from = value("checked_from:").parse().ok();
        assert!(files.len() >= 10 && from.is_some());
        assert_eq!(check(&files, from), []);
        // The older ones are read to their ends as well.
        let old = check(&files, None);
        assert!(old.iter().any(|finding| finding.kind == Kind::Locks) && old.iter().all(|finding| finding.kind != Kind::Sql), "{old:#?}");
    }
}
