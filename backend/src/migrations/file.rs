//! The text of a migration, pure: whether it has a statement, what its file is called, and how it differs from what was applied.
use sqlx::migrate::Migration;
use std::ops::ControlFlow;

/// Where the files are in the repository.
const DIRECTORY: &str = "backend/migrations";
/// What some editors put in front of a text. PostgreSQL takes it for a letter of the first word.
pub(super) const BYTE_ORDER_MARK: char = '\u{feff}';
/// Words that only begin and end transactions.
const TRANSACTION: [&str; 7] = ["begin", "commit", "end", "rollback", "start", "transaction", "work"];

/// The file of `migration`, as people open it.
pub(super) fn path(migration: &Migration) -> String {
    let name = migration.description.replace(' ', "_");
    format!("{DIRECTORY}/{}_{name}{}", migration.version, migration.migration_type.suffix())
}

/// Whether `sql` changes nothing: it has comments at most, or a transaction with nothing in it.
pub(super) fn is_empty(sql: &str) -> bool {
    let mut rest = sql;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ';' || c == BYTE_ORDER_MARK);
        let comment = if rest.starts_with("--") {
            rest.find(['\n', '\r']).unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else {
            0
        };
        let word = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        match (comment, &rest[..word]) {
            (0, "") => return rest.is_empty(),
            (0, other) if !TRANSACTION.iter().any(|known| other.eq_ignore_ascii_case(known)) => return false,
            (0, _) => rest = &rest[word..],
            (length, _) => rest = &rest[length..],
        }
    }
}

/// Whether `sql` may end the transaction that it runs in. A comment that names it counts too: then no claim is made about the schema.
pub(super) fn may_commit(sql: &str) -> bool {
    sql.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .any(|word| ["commit", "rollback", "abort"].iter().any(|end| word.eq_ignore_ascii_case(end)))
}

/// The length of the comment that `text` begins with. Comments nest in PostgreSQL.
fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let signs = text.match_indices(['/', '*']).try_fold(0, |after, (at, _)| {
        if at < after {
            return ControlFlow::Continue(after);
        }
        match text.get(at..at + 2) {
            Some("/*") => depth += 1,
            Some("*/") => depth -= 1,
            _ => return ControlFlow::Continue(after),
        }
        if depth == 0 { ControlFlow::Break(at + 2) } else { ControlFlow::Continue(at + 2) }
    });
    match signs {
        ControlFlow::Break(end) => end,
        // It has no end: PostgreSQL says so.
        ControlFlow::Continue(_) => 0,
    }
}

/// How `migration` differs from what was applied under its number, which had this `checksum` and this `name`.
pub(super) fn difference(migration: &Migration, checksum: &[u8], name: &str) -> String {
    if name != migration.description {
        return format!("its number is that of `{}`, which was applied", name.replace(' ', "_"));
    }
    let sql = migration.sql.as_str();
    let plain = sql.trim_start_matches(BYTE_ORDER_MARK);
    let lines = plain.replace("\r\n", "\n");
    let windows = lines.replace('\n', "\r\n");
    for ends in [plain, &lines, &windows] {
        for marked in [false, true] {
            let text = if marked { format!("{BYTE_ORDER_MARK}{ends}") } else { ends.to_owned() };
            if migration_checksum(&text) == checksum {
                let what = match (marked == (plain.len() < sql.len()), ends == plain) {
                    (true, _) => "line ends differ (LF or CRLF)",
                    (false, true) => "byte order mark differs",
                    (false, false) => "byte order mark and its line ends differ",
                };
                return format!("only its {what}");
            }
        }
    }
    let trimmed = |end: &&str| migration_checksum(&format!("{}{end}", sql.trim_end())) == checksum;
    if ["", "\n", "\r\n", "\n\n"].iter().any(trimmed) {
        return "only the blank lines at its end differ".to_owned();
    }
    if is_empty(sql) { "it has no statement any more".to_owned() } else { "its text differs".to_owned() }
}

/// What is recorded of a migration with this text.
fn migration_checksum(text: &str) -> Vec<u8> {
    use sha2::Digest as _;
    sha2::Sha384::digest(text).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sqlx::AssertSqlSafe;
    use sqlx::SqlSafeStr as _;
    use sqlx::migrate::MigrationType;

    fn migration(text: &str) -> Migration {
        let sql = AssertSqlSafe(text.to_owned()).into_sql_str();
        Migration::new(20_261_201_000_000, "add due date".into(), MigrationType::ReversibleUp, sql, false)
    }

    #[test]
    fn a_file_is_named_as_it_is_in_the_repository() {
        assert_eq!(path(&migration("")), "backend/migrations/20261201000000_add_due_date.up.sql");
    }

    #[test]
    fn comments_and_bare_transactions_change_nothing() {
        let empty = [
            "",
            " \r\n\t\n",
            "\u{feff}-- Why.\r\n",
            "-- no-transaction\n-- no end of line",
            ";;\n;",
            "/* a /* nested */ comment */ -- and another\n",
            "BEGIN; COMMIT;",
            "begin transaction;\n-- Nothing yet.\nend;",
            "START TRANSACTION; ROLLBACK WORK",
        ];
        for text in empty {
            assert!(is_empty(text), "{text:?}");
        }
        let statements = [
            "SELECT 1",
            "-- Why.\nALTER TABLE tasks ADD x int;",
            "BEGIN; DROP TABLE tasks; COMMIT;",
            "/* a */ CREATE TABLE x ();",
            "/* no end",
            "/* a /* nested */ with no end",
            "begin_something()",
            "commitment",
            "'text'",
            "(SELECT 1)",
            "\\copy tasks FROM 'x'",
            "ändern",
            "$$",
        ];
        for text in statements {
            assert!(!is_empty(text), "{text:?}");
        }
    }

    #[test]
    fn an_own_end_of_the_transaction_is_suspected() {
        assert!(may_commit("BEGIN; ALTER TABLE a ADD b int; Commit;") && may_commit("rollback"));
        assert!(!may_commit("ALTER TABLE commitments ADD commit_id int"));
    }

    #[test]
    fn a_difference_is_named() {
        let applied = |text: &str| migration_checksum(text);
        let told = |now: &str, then: &str| difference(&migration(now), &applied(then), "add due date");
        assert_eq!(told("a;\nb;\n", "a;\r\nb;\r\n"), "only its line ends differ (LF or CRLF)");
        assert_eq!(told("a;\r\nb;\r\n", "a;\nb;\n"), "only its line ends differ (LF or CRLF)");
        assert_eq!(told("\u{feff}a;\n", "a;\n"), "only its byte order mark differs");
        assert_eq!(told("a;\n", "\u{feff}a;\n"), "only its byte order mark differs");
        assert_eq!(told("\u{feff}a;\r\n", "a;\n"), "only its byte order mark and its line ends differ");
        assert_eq!(told("a;\n\n\n", "a;\n"), "only the blank lines at its end differ");
        assert_eq!(told("a;", "a;\n"), "only the blank lines at its end differ");
        assert_eq!(told("a ;\n", "a;\n"), "its text differs");
        assert_eq!(told("-- a;\n", "a;\n"), "it has no statement any more");
        let other = difference(&migration("a;"), &applied("b;"), "create things");
        assert_eq!(other, "its number is that of `create_things`, which was applied");
    }

    #[test]
    fn the_checksum_is_that_of_the_library() {
        assert_eq!(*migration("a;\n").checksum, *migration_checksum("a;\n"));
    }
}
