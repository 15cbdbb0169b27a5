//! What is said of a migration that failed: the file, the line, what PostgreSQL says, and what became of the schema.
use super::file;
use crate::database;
use sqlx::migrate::{MigrateError, Migration};
use sqlx::postgres::{PgDatabaseError, PgErrorPosition};
use std::fmt::Write as _;

/// How the context of an error in a `DO` block names its line.
const BLOCK: &str = "inline_code_block line ";

/// Says that `migration` failed with `error`, and what is `left`.
pub(super) fn describe(migration: &Migration, error: &MigrateError, left: &str) -> String {
    let path = file::path(migration);
    let (MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) = error else {
        return format!("{path}: {error}\n  {left}");
    };
    let said = error.as_database_error().and_then(|error| error.try_downcast_ref::<PgDatabaseError>());
    let Some(said) = said else { return format!("{path}: {}\n  {left}", database::reason(error)) };
    let sql = migration.sql.as_str();
    let line = match said.position() {
        Some(PgErrorPosition::Original(position)) => Some(line_at(sql, position)),
        Some(PgErrorPosition::Internal { position, query }) => line_of_query(sql, query, position),
        None => None,
    };
    let line = line.or_else(|| line_in_block(sql, said.r#where()?)).map(|line| format!(":{line}")).unwrap_or_default();
    let mut text = format!("{path}{line}: {}", said.message());
    let context = said.r#where().filter(|_| !matches!(said.position(), Some(PgErrorPosition::Original(_))));
    for (name, more) in [("detail", said.detail()), ("hint", said.hint()), ("context", context)] {
        let Some(more) = more else { continue };
        // Writing to a text cannot fail.
        let _ = write!(text, "\n  {name}: {}", more.replace('\n', "\n    "));
    }
    format!("{text}\n  {left}")
}

/// The line of the character number `position` of `sql`, both counted from 1.
fn line_at(sql: &str, position: usize) -> usize {
    1 + sql.chars().take(position.saturating_sub(1)).filter(|c| *c == '\n').count()
}

/// The line of the character number `position` of `query`, which a block or a function ran, where `sql` has that text once.
fn line_of_query(sql: &str, query: &str, position: usize) -> Option<usize> {
    let mut found = sql.match_indices(query);
    let (begin, _) = found.next().filter(|_| !query.is_empty())?;
    found.next().is_none().then(|| line_at(sql, sql[..begin].chars().count() + position))
}

/// The line that `context` names in the body of a `DO` block, where `sql` has one such block.
fn line_in_block(sql: &str, context: &str) -> Option<usize> {
    let (_, rest) = context.split_once(BLOCK)?;
    let line: usize = rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()?;
    let lower = sql.to_ascii_lowercase();
    let mut bodies = lower.match_indices("do").filter_map(|(at, word)| {
        let before = lower[..at].chars().next_back();
        let after = lower[at + word.len()..].trim_start();
        let after =
            after.strip_prefix("language").map_or(after, |after| after.trim_start().trim_start_matches(char::is_alphabetic).trim_start());
        let begins = before.is_none_or(|c| c.is_whitespace() || c == ';' || c == '/') && after.starts_with('$');
        begins.then(|| lower.len() - after.len())
    });
    let body = bodies.next()?;
    bodies.next().is_none().then(|| line_at(sql, sql[..body].chars().count() + 1) + line - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters() {
        let sql = "-- Größe …\nSELECT 'ä';\nALTR TABLE x;\n";
        let position = sql.chars().count() - "ALTR TABLE x;\n".chars().count() + 1;
        assert_eq!([1, 11, 12, position, 9999].map(|position| line_at(sql, position)), [1, 1, 2, 3, 4]);
        assert_eq!(line_at("a;\r\nb;\r\nc", 9), 3);
        assert_eq!((line_at("", 1), line_at("x", 0)), (1, 1));
    }

    #[test]
    fn a_query_of_a_block_is_found_where_it_stands_once() {
        let sql = "-- ä\nDO $$\nBEGIN\n    INSERT INTO nowhere VALUES (1);\nEND $$;\n";
        assert_eq!(line_of_query(sql, "INSERT INTO nowhere VALUES (1)", 13), Some(4));
        assert_eq!(line_of_query("SELECT 1; SELECT 1", "SELECT 1", 1), None);
        assert_eq!(line_of_query(sql, "another", 1), None);
        assert_eq!(line_of_query(sql, "", 1), None);
    }

    #[test]
    fn a_line_of_a_block_is_one_of_the_file() {
        let context = "SQL statement \"…\"\nPL/pgSQL function inline_code_block line 3 at RAISE";
        assert_eq!(line_in_block("SELECT 1;\nDO $$\nBEGIN\n RAISE 'x';\nEND $$;", context), Some(4));
        assert_eq!(line_in_block("ON CONFLICT DO NOTHING;\nDO LANGUAGE plpgsql $a$\nBEGIN\n RAISE 'x';\nEND $a$;", context), Some(4));
        assert_eq!(line_in_block("DO $$ BEGIN END $$; DO $$ BEGIN END $$;", context), None, "either of two");
        assert_eq!(line_in_block("SELECT 1", "PL/pgSQL function f() line 3 at RAISE"), None);
    }
}
