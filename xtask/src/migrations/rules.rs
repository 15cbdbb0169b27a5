//! What a statement does to a database that serves: data that are lost, names that are gone, and tables that others wait for.

mod alter;
mod cursor;

use std::collections::BTreeSet;

use self::cursor::Cursor;
use super::finding::{Finding, Kind};
use super::sql::{self, Statement, Token};

/// How a file begins that runs without a transaction.
const NO_TRANSACTION: &str = "-- no-transaction";

/// What is wrong with the statements in `text`, the file `name`; a note in the file answers for all of its kind.
pub(crate) fn check(name: &str, text: &str) -> Vec<Finding> {
    let script = match sql::parse(text) {
        Ok(script) => script,
        Err(unclosed) => return vec![Finding { line: Some(unclosed.line), ..Finding::of(name, Kind::Sql, unclosed.to_string()) }],
    };
    let mut judge = Judge { alone: script.statements.len() == 1 && text.starts_with(NO_TRANSACTION), ..Judge::default() };
    for Statement { tokens, line } in &script.statements {
        judge.statement(tokens, *line);
        judge.transaction(tokens, *line);
    }
    let noted = |kind: Kind| match kind {
        Kind::Destructive => has_note(&script.comments, "destructive:"),
        Kind::Locks => has_note(&script.comments, "locks:"),
        _ => false,
    };
    judge.found.retain(|offence| !noted(offence.kind));
    let finding = |Offence { line, kind, table, text }| Finding { line: Some(line), table, ..Finding::of(name, kind, text) };
    judge.found.into_iter().map(finding).collect()
}

/// Whether a comment gives a reason after `word`.
fn has_note(comments: &[String], word: &str) -> bool {
    comments.iter().any(|comment| comment.strip_prefix(word).is_some_and(|why| !why.trim().is_empty()))
}

/// One thing that a statement does.
#[derive(Debug)]
struct Offence {
    line: usize,
    kind: Kind,
    table: Option<String>,
    text: String,
}

/// What is known so far of a file.
#[derive(Default)]
struct Judge {
    /// The tables that it made: nobody waits for them, and nothing is in them.
    created: BTreeSet<String>,
    /// Whether the only statement runs without a transaction.
    alone: bool,
    found: Vec<Offence>,
}

impl Judge {
    /// Each migration has a transaction together with its record.
    fn transaction(&mut self, tokens: &[Token], line: usize) {
        let own = |token: &Token| ["abort", "begin", "commit", "end", "rollback", "start"].into_iter().any(|word| token.is(word));
        if tokens.first().is_some_and(own) {
            let text = "begins or ends a transaction, which the migration and its record have together";
            self.found.push(Offence { line, kind: Kind::Transaction, table: None, text: text.to_owned() });
        }
    }

    fn statement(&mut self, tokens: &[Token], line: usize) {
        let mut cursor = Cursor::new(tokens);
        if cursor.eat("create") {
            self.create(cursor, line);
        } else if cursor.eat("drop") {
            self.drop(cursor, line);
        } else if cursor.eat("alter") {
            cursor.eat("foreign");
            if cursor.eat("table") {
                self.alter_table(cursor, line);
            }
        } else if cursor.eat("truncate") {
            cursor.eat("table");
            for table in cursor.names() {
                self.destroys(line, table, |table| format!("TRUNCATE empties {table}"));
            }
        } else if cursor.eat("reindex") {
            self.concurrently(cursor.rest(), line);
        } else if cursor.eat("do") {
            self.texts(cursor.rest(), line);
        } else if cursor.is("delete") || cursor.is("with") {
            self.deletes(tokens, line);
        }
    }

    fn create(&mut self, mut cursor: Cursor<'_>, line: usize) {
        while ["global", "local", "temp", "temporary", "unlogged", "foreign", "unique"].into_iter().any(|word| cursor.eat(word)) {}
        if cursor.eat("table") || cursor.eat_all(&["materialized", "view"]) {
            cursor.eat_all(&["if", "not", "exists"]);
            self.created.extend(cursor.table());
        } else if cursor.eat("index") {
            self.concurrently(cursor.rest(), line);
            let waits = !cursor.eat("concurrently");
            cursor.eat_all(&["if", "not", "exists"]);
            if !cursor.is("on") {
                cursor.table();
            }
            // An index on a partitioned table `ONLY` is empty.
            if waits && cursor.eat("on") && !cursor.is("only") {
                let table = cursor.table();
                self.blocks(line, table, |table| format!("CREATE INDEX without CONCURRENTLY: nobody writes to {table} until it is built"));
            }
        }
    }

    fn drop(&mut self, mut cursor: Cursor<'_>, line: usize) {
        cursor.eat("foreign");
        if cursor.eat("table") {
            cursor.eat_all(&["if", "exists"]);
            for table in cursor.names() {
                self.destroys(line, table.clone(), |table| format!("DROP TABLE removes {table} with all its rows"));
                if let Some(table) = table {
                    self.created.remove(&table);
                }
            }
        } else if cursor.eat("schema") {
            self.found.push(Offence {
                line,
                kind: Kind::Destructive,
                table: None,
                text: "DROP SCHEMA removes all that is in it".to_owned(),
            });
        } else {
            self.concurrently(cursor.rest(), line);
        }
    }

    /// Such a statement cannot run in a transaction, and several statements that are sent together are one.
    fn concurrently(&mut self, tokens: &[Token], line: usize) {
        if !self.alone && tokens.iter().take(4).any(|token| token.is("concurrently")) {
            let text = "CONCURRENTLY fails in a transaction, and beside other statements".to_owned();
            self.found.push(Offence { line, kind: Kind::Transaction, table: None, text });
        }
    }

    /// A `DELETE` may also stand in parentheses, after `WITH`.
    fn deletes(&mut self, tokens: &[Token], line: usize) {
        for start in 0..tokens.len() {
            let mut cursor = Cursor::new(&tokens[start..]);
            if cursor.eat_all(&["delete", "from"]) && !cursor.has_here("where") {
                let table = cursor.names().into_iter().next().flatten();
                self.destroys(line, table, |table| format!("DELETE without WHERE empties {table}"));
            }
        }
    }

    /// Code in a text: what it does is done now. What it puts together and then runs cannot be known.
    fn texts(&mut self, tokens: &[Token], line: usize) {
        let text = tokens.iter().find_map(|token| if let Token::Text(text) = token { Some(text) } else { None });
        let Some(script) = text.and_then(|text| sql::parse(text).ok()) else { return };
        for Statement { line: inner, tokens } in &script.statements {
            let begins = |at: usize| at == 0 || ["begin", "then", "else", "loop"].into_iter().any(|word| tokens[at - 1].is(word));
            for start in (0..tokens.len()).filter(|at| begins(*at)) {
                let line = line + inner - 1;
                let tokens = &tokens[start..];
                if tokens[0].is("execute") { self.texts(tokens, line) } else { self.statement(tokens, line) }
            }
        }
    }

    fn is_new(&self, table: Option<&String>) -> bool {
        table.is_some_and(|table| self.created.contains(table))
    }

    fn destroys(&mut self, line: usize, table: Option<String>, text: impl Fn(&str) -> String) {
        self.push(line, Kind::Destructive, table, text);
    }

    fn blocks(&mut self, line: usize, table: Option<String>, text: impl Fn(&str) -> String) {
        self.push(line, Kind::Locks, table, text);
    }

    fn push(&mut self, line: usize, kind: Kind, table: Option<String>, text: impl Fn(&str) -> String) {
        if self.is_new(table.as_ref()) {
            return;
        }
        let shown = table.as_ref().map_or_else(|| "a table".to_owned(), |table| format!("`{table}`"));
        self.found.push(Offence { line, kind, table, text: text(&shown) });
    }
}

#[cfg(test)]
mod tests;
