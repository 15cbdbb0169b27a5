//! The rules of squawk: which of them count, and as what.

use std::ops::Range;

use squawk_linter::{Linter, Rule, Version, Violation};
use squawk_syntax::ast::{self, AstNode as _};
use squawk_syntax::{Parse, SourceFile, SyntaxNode};

use super::offence::Kind;

/// The major version of the image of PostgreSQL.
const POSTGRESQL: &str = "17";

/// What `rule` finds. Nothing where it is about taste (types, names, timeouts that `migrate up` sets itself), or where [`super::own`] looks more closely.
fn kinds(rule: Rule) -> &'static [Kind] {
    use Rule as R;
    match rule {
        R::BanDropDatabase
        | R::BanDropColumn
        | R::BanDropTable
        | R::BanDropNotNull
        | R::BanDropView
        | R::BanDropFunction
        | R::BanDropType
        | R::BanDropDefault
        | R::BanDropSchema
        | R::BanDropSequence
        | R::BanDropDomain
        | R::BanDropConstraint
        | R::BanDropGeneratedExpression
        | R::BanDropExtension
        | R::BanAlterIdentity
        | R::BanSetSchema
        | R::RenamingColumn
        | R::RenamingTable
        | R::RenamingObject
        | R::AddingRequiredField => &[Kind::Destructive],
        R::ChangingColumnType => &[Kind::Destructive, Kind::Locks],
        R::RequireConcurrentIndexCreation
        | R::RequireConcurrentIndexDeletion
        | R::RequireConcurrentPartitionDetach
        | R::RequireConcurrentReindex
        | R::ConstraintMissingNotValid
        | R::AddingFieldWithDefault
        | R::AddingForeignKeyConstraint
        | R::AddingNotNullableField
        | R::AddingSerialPrimaryKeyField
        | R::DisallowedUniqueConstraint
        | R::BanAlterDomainWithAddConstraint => &[Kind::Locks],
        R::BanDuplicateColumnAssignments | R::IdentifierTooLong => &[Kind::Sql],
        R::TransactionNesting => &[Kind::Transaction],
        _ => &[],
    }
}

/// What is found in `text`, by place.
pub(crate) fn violations(parse: &Parse<SourceFile>, text: &str, in_transaction: bool) -> Vec<(Kind, String, Range<usize>)> {
    let mut found = lint(parse, text, in_transaction, |_| true);
    // Tables that the file made count for squawk by the last part of their name. Alone, a statement has made none.
    for statement in parse.tree().stmts().filter(|it| matches!(it, ast::Stmt::CreateIndex(_) | ast::Stmt::AlterTable(_))) {
        let range = statement.syntax().text_range();
        let (start, end) = (usize::from(range.start()), usize::from(range.end()));
        let alone = SourceFile::parse(&text[start..end]);
        // Whether SET NOT NULL reads the table depends on a constraint that a statement before it validates.
        let waits = |rule| kinds(rule) == [Kind::Locks] && rule != Rule::AddingNotNullableField;
        let moved = lint(&alone, &text[start..end], in_transaction, waits).into_iter();
        found.extend(moved.map(|(kind, words, at)| (kind, words, start + at.start..start + at.end)));
    }
    found.sort_by_key(|(kind, _, at)| (at.start, at.end, *kind));
    found.dedup_by(|(kind, _, at), (first, _, before)| (kind, at) == (first, before));
    found
}

fn lint(parse: &Parse<SourceFile>, text: &str, in_transaction: bool, asked: impl Fn(Rule) -> bool) -> Vec<(Kind, String, Range<usize>)> {
    let mut linter = Linter::with_default_rules();
    linter.rules.retain(|rule| !kinds(*rule).is_empty() && asked(*rule));
    linter.settings.assume_in_transaction = in_transaction;
    // The default is an older one, whose rules are stricter.
    linter.settings.pg_version = POSTGRESQL.parse::<Version>().unwrap_or_default();
    let root = parse.syntax_node();
    let found = linter.lint(parse, text).into_iter().filter(|violation| !is_harmless(violation, &root));
    found
        .flat_map(|violation| {
            let range = usize::from(violation.text_range.start())..usize::from(violation.text_range.end());
            let words = words(&violation, &root);
            kinds(violation.code).iter().map(move |kind| match (violation.code, kind) {
                (Rule::ChangingColumnType, Kind::Destructive) => {
                    (*kind, "Changing a column type may break existing clients".to_owned(), range.clone())
                }
                (Rule::ChangingColumnType, _) => {
                    (*kind, "Changing a column type blocks reads and writes while the table is rewritten".to_owned(), range.clone())
                }
                _ => (*kind, words.clone(), range.clone()),
            })
        })
        .collect()
}

/// The node that a violation is about.
fn node(violation: &Violation, root: &SyntaxNode) -> SyntaxNode {
    match root.covering_element(violation.text_range) {
        squawk_syntax::SyntaxElement::Node(node) => node,
        squawk_syntax::SyntaxElement::Token(token) => token.parent().unwrap_or_else(|| root.clone()),
    }
}

fn within<N: ast::AstNode>(node: &SyntaxNode) -> Option<N> {
    node.ancestors().find_map(N::cast)
}

/// What PostgreSQL does in a moment, though the rule cannot know.
fn is_harmless(violation: &Violation, root: &SyntaxNode) -> bool {
    let node = node(violation, root);
    match violation.code {
        // A default without a call is the same for every row: PostgreSQL keeps it once.
        Rule::AddingFieldWithDefault => {
            let is_default = within::<ast::DefaultConstraint>(&node).is_some();
            is_default && node.descendants().chain(node.ancestors().take(1)).all(|part| ast::CallExpr::cast(part).is_none())
        }
        // A new column without a default is NULL in every row: there is nothing to compare.
        Rule::AddingForeignKeyConstraint => within::<ast::AddColumn>(&node)
            .is_some_and(|column| !column.constraints().any(|constraint| matches!(constraint, ast::Constraint::DefaultConstraint(_)))),
        // On the partitioned table alone it is empty, and is built on each partition afterwards.
        Rule::RequireConcurrentIndexCreation => within::<ast::CreateIndex>(&node)
            .and_then(|index| index.table_relation_name())
            .is_some_and(|table| table.only_token().is_some()),
        // There are rules for each of these, which say what can be done.
        Rule::ConstraintMissingNotValid => {
            within::<ast::AddConstraint>(&node).and_then(|added| added.constraint()).is_some_and(|constraint| {
                use ast::Constraint as C;
                matches!(constraint, C::UniqueConstraint(_) | C::PrimaryKeyConstraint(_) | C::ForeignKeyConstraint(_))
            })
        }
        _ => false,
    }
}

/// What is said: the message, and what to do instead, where that is possible.
fn words(violation: &Violation, root: &SyntaxNode) -> String {
    let added = within::<ast::AddConstraint>(&node(violation, root)).and_then(|added| added.constraint());
    let exclusion = matches!(added, Some(ast::Constraint::ExcludeConstraint(_)));
    let help = violation.help.as_deref().filter(|_| !exclusion).map(|help| format!(" {}", help.trim_end_matches('.')));
    format!("{}{}", violation.message.trim_end_matches('.'), help.map(|help| format!(".{help}")).unwrap_or_default())
}
