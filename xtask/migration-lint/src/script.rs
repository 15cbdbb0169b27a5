//! A file statement by statement, and the code that it runs at once.

use std::collections::BTreeSet;

use squawk_syntax::ast::{self, AstNode as _};
use squawk_syntax::{Parse, SourceFile, SyntaxKind, SyntaxNode};

use super::offence::{Kind, Offence};
use super::{own, squawk, targets};

/// How a file begins that runs without a transaction.
const NO_TRANSACTION: &str = "-- no-transaction";

/// SQL that was parsed, whole or in part.
pub(crate) struct Script<'a> {
    text: &'a str,
    parse: Parse<SourceFile>,
    /// The line of a file in which it begins.
    first: usize,
}

impl<'a> Script<'a> {
    /// A whole file.
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, parse: SourceFile::parse(text), first: 1 }
    }

    /// The line of the file that the byte `at` is in.
    fn line(&self, at: usize) -> usize {
        self.first + self.text.as_bytes()[..at].iter().filter(|byte| **byte == b'\n').count()
    }

    fn line_of(&self, node: &SyntaxNode) -> usize {
        self.line(node.text_range().start().into())
    }

    /// The reason after `-- word:` in a comment, where there is one.
    fn has_note(&self, word: &str) -> bool {
        let comments = self.parse.syntax_node().descendants_with_tokens().filter_map(|element| element.into_token());
        comments.filter(|token| token.kind() == SyntaxKind::COMMENT).any(|token| {
            let reason = token.text().strip_prefix("--").and_then(|text| text.trim_start().strip_prefix(word)?.strip_prefix(':'));
            reason.is_some_and(|reason| !reason.trim().is_empty())
        })
    }
}

/// What is wrong with the statements of a file; a note in the file answers for all of its kind.
pub(crate) fn check(text: &str) -> Vec<Offence> {
    // The parser does not know it, and neither does PostgreSQL: that a file begins with it is said by `migrate check` itself.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let script = Script::new(text);
    let mut found = Vec::new();
    // What follows the first error is a guess of the parser.
    if let Some(error) = script.parse.errors().first() {
        let at = usize::from(error.range().start());
        found.push(Offence { line: script.line(at), kind: Kind::Sql, text: readable(error.message(), &text[at..]), table: None });
    }
    let statements = script.parse.tree().stmts().filter(|statement| !matches!(statement, ast::Stmt::EmptyStmt(_))).count();
    // Several statements that are sent together are one transaction, also without `BEGIN`.
    let alone = text.starts_with(NO_TRANSACTION) && statements == 1;
    Judge { alone, created: BTreeSet::new(), found: &mut found }.script(&script);
    found.retain(|offence| !script.has_note(offence.kind.name()));
    found.sort_by_key(|offence| offence.line);
    found
}

/// The words of the parser, who speaks of its own tokens (`expected SEMICOLON, found INT_KW`), with the place in the text, of which `rest` is left.
fn readable(message: &str, rest: &str) -> String {
    let word = |word: &str| match word.trim_end_matches([',', '.']) {
        shouted if shouted.len() > 2 && shouted.chars().all(|c| c.is_ascii_uppercase() || c == '_') => {
            let name = match shouted {
                "IDENT" => "a name".to_owned(),
                _ => shouted.strip_suffix("_KW").map_or_else(|| shouted.to_lowercase().replace('_', " "), |word| format!("`{word}`")),
            };
            word.replacen(shouted, &name, 1)
        }
        _ => word.to_owned(),
    };
    let place = rest.split_whitespace().next().map(|word| format!(" at `{}`", word.chars().take(40).collect::<String>()));
    let message = message.split(' ').map(word).collect::<Vec<_>>().join(" ");
    format!("is not SQL that can be read{}: {message}", place.unwrap_or_default())
}

/// What is known so far of a file.
struct Judge<'a> {
    /// Whether its only statement runs without a transaction.
    alone: bool,
    /// The tables and views that it made: no other session waits for them, and nothing is in them.
    created: BTreeSet<String>,
    found: &'a mut Vec<Offence>,
}

impl Judge<'_> {
    fn script(&mut self, script: &Script<'_>) {
        let violations = squawk::violations(&script.parse, script.text, !self.alone);
        for statement in script.parse.tree().stmts() {
            let range = statement.syntax().text_range();
            let named = targets::of(&statement);
            let (start, end) = (usize::from(range.start()), usize::from(range.end()));
            for (kind, text, at) in violations.iter().filter(|(_, _, at)| start <= at.start && at.end <= end) {
                self.push(script.line(at.start), *kind, text, &named);
            }
            for (kind, text, node) in own::check(&statement, self.alone) {
                let of_its_own = ast::Delete::cast(node.clone()).and_then(|delete| targets::of_delete(&delete));
                self.push(script.line_of(&node), kind, text, &of_its_own.map_or_else(|| named.clone(), |table| vec![table]));
            }
            if let ast::Stmt::Do(block) = &statement {
                self.block(script, block);
            }
            targets::follow(&statement, &mut self.created);
        }
    }

    /// Where all that a statement is about was made by the same file, it harms no other session.
    fn push(&mut self, line: usize, kind: Kind, text: &str, named: &[String]) {
        let mut push = |table: Option<String>| self.found.push(Offence { line, kind, text: text.to_owned(), table });
        if named.is_empty() || matches!(kind, Kind::Sql | Kind::Transaction) {
            push(named.first().cloned());
        } else {
            named.iter().filter(|name| !self.created.contains(*name)).for_each(|name| push(Some(name.clone())));
        }
    }

    /// Code that runs at once. What it puts together from parts and then runs is judged as far as it stands there.
    fn block(&mut self, script: &Script<'_>, block: &ast::Do) {
        let Some(body) = block.plpgsql() else { return };
        if let Some(error) = body.errors().first() {
            let at = usize::from(error.range().start());
            let text = readable(error.message(), &script.text[at..]);
            self.found.push(Offence { line: script.line(at), kind: Kind::Sql, text, table: None });
        }
        let line = |node: &SyntaxNode| script.line(body.source_range(node.text_range()).start().into());
        for node in body.syntax().descendants() {
            match node.kind() {
                SyntaxKind::PLPGSQL_EXEC_SQL_STMT | SyntaxKind::PLPGSQL_DO_STMT => self.text(&node.text().to_string(), line(&node)),
                SyntaxKind::PLPGSQL_DYN_EXECUTE_STMT => {
                    let texts = node.descendants().filter_map(ast::Literal::cast).filter_map(|literal| literal.decoded_value());
                    texts.for_each(|text| self.text(text.text(), line(&node)));
                }
                SyntaxKind::PLPGSQL_COMMIT_STMT | SyntaxKind::PLPGSQL_ROLLBACK_STMT if !self.alone => {
                    let text = "`COMMIT` or `ROLLBACK` fails in a block that is part of a transaction.".to_owned();
                    self.found.push(Offence { line: line(&node), kind: Kind::Transaction, text, table: None });
                }
                _ => {}
            }
        }
    }

    /// SQL within a text, which begins in the line `first` of the file.
    fn text(&mut self, text: &str, first: usize) {
        // A block is one statement, whatever is in it.
        let alone = std::mem::replace(&mut self.alone, false);
        self.script(&Script { text, parse: SourceFile::parse(text), first });
        self.alone = alone;
    }
}
