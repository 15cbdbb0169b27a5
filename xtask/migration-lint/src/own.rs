//! What the rules of squawk lack: rows that go, locks that are taken by name or for a rewrite, and what fails in a transaction.

use squawk_syntax::ast::{self, AstNode as _};
use squawk_syntax::{SyntaxKind, SyntaxNode};

use super::offence::Kind;

/// Types whose default is a sequence.
const SERIAL: [&str; 6] = ["bigserial", "serial", "serial2", "serial4", "serial8", "smallserial"];

/// What is wrong with a statement, and with which part of it; `alone` says that it runs without a transaction.
///
/// Which statements fail in a transaction, and which locks the others take, is said by the pages of PostgreSQL 17 on each command and on explicit locking.
pub(crate) fn check(statement: &ast::Stmt, alone: bool) -> Vec<(Kind, &'static str, SyntaxNode)> {
    let whole = statement.syntax();
    let mut found: Vec<(Kind, &'static str, SyntaxNode)> = Vec::new();
    let mut say = |kind: Kind, text: &'static str, node: &SyntaxNode| found.push((kind, text, node.clone()));
    match statement {
        ast::Stmt::Truncate(_) => say(Kind::Destructive, "TRUNCATE removes all rows", whole),
        ast::Stmt::DropOwned(_) => say(Kind::Destructive, "DROP OWNED removes all that belongs to a role", whole),
        ast::Stmt::Refresh(it) if it.concurrently_token().is_none() => {
            say(
                Kind::Locks,
                "REFRESH blocks all reads of the view until it is filled. Use CONCURRENTLY, which needs a unique index on it",
                whole,
            );
        }
        ast::Stmt::Cluster(_) => say(Kind::Locks, "CLUSTER blocks reads and writes while the table is rewritten", whole),
        ast::Stmt::Vacuum(it) if it.is_full() => {
            say(Kind::Locks, "VACUUM FULL blocks reads and writes while the table is rewritten. A plain VACUUM does not", whole);
        }
        ast::Stmt::Lock(_) => say(Kind::Locks, "LOCK TABLE blocks other sessions until the migration has ended", whole),
        ast::Stmt::AlterTable(it) => it.actions().for_each(|action| {
            if let Some(text) = rewrites(&action) {
                say(Kind::Locks, text, action.syntax());
            }
        }),
        _ => {}
    }
    if moves(statement) {
        say(Kind::Locks, "SET TABLESPACE blocks reads and writes while the files are copied", whole);
    }
    if let Some(text) = (!alone).then(|| fails_in_a_transaction(statement)).flatten() {
        say(Kind::Transaction, text, whole);
    }
    // A body runs later.
    if !matches!(statement, ast::Stmt::CreateFunction(_) | ast::Stmt::CreateProcedure(_) | ast::Stmt::CreateRule(_) | ast::Stmt::Prepare(_))
    {
        for delete in whole.descendants().filter_map(ast::Delete::cast).filter(|it| it.where_clause_or_current_of().is_none()) {
            say(Kind::Destructive, "DELETE without WHERE removes all rows", delete.syntax());
        }
    }
    found
}

/// Why a table is read or rewritten as a whole, under a lock, if it is.
fn rewrites(action: &ast::AlterTableAction) -> Option<&'static str> {
    Some(match action {
        ast::AlterTableAction::SetLogged(_) | ast::AlterTableAction::SetUnlogged(_) => {
            "SET LOGGED or UNLOGGED blocks reads and writes while the table is rewritten"
        }
        ast::AlterTableAction::SetAccessMethod(_) => "SET ACCESS METHOD blocks reads and writes while the table is rewritten",
        ast::AlterTableAction::AttachPartition(_) => {
            "ATTACH PARTITION blocks reads and writes of the partition while it is read, and of the default partition too. A valid CHECK \
             that says the same as its bounds avoids that"
        }
        ast::AlterTableAction::MergePartitions(_) | ast::AlterTableAction::SplitPartition(_) => {
            "MERGE or SPLIT PARTITION blocks reads and writes while the rows are copied"
        }
        ast::AlterTableAction::AlterColumn(column) => match column.option()? {
            ast::AlterColumnOption::SetExpression(_) => "SET EXPRESSION blocks reads and writes while the table is rewritten",
            _ => return None,
        },
        ast::AlterTableAction::AddColumn(column) => {
            let ty = column.ty().map(|ty| ty.syntax().text().to_string().to_lowercase()).unwrap_or_default();
            if SERIAL.contains(&ty.trim_start_matches("pg_catalog.")) {
                "A serial column blocks reads and writes while its numbers are written into all rows. Add it without a default and fill it in later"
            } else if column.constraints().any(|constraint| matches!(constraint, ast::Constraint::CheckConstraint(_))) {
                "CHECK blocks reads and writes while all rows are read. Add it as a constraint that is NOT VALID, and validate it in a later migration"
            } else {
                return None;
            }
        }
        _ => return None,
    })
}

/// Whether it copies files from one place to another.
fn moves(statement: &ast::Stmt) -> bool {
    let of_relations = matches!(
        statement,
        ast::Stmt::AlterTable(_) | ast::Stmt::AlterIndex(_) | ast::Stmt::AlterMaterializedView(_) | ast::Stmt::AlterDatabase(_)
    );
    of_relations && statement.syntax().descendants().any(|node| node.kind() == SyntaxKind::SET_TABLESPACE)
}

/// Why PostgreSQL refuses the statement in a transaction, if it does.
fn fails_in_a_transaction(statement: &ast::Stmt) -> Option<&'static str> {
    let concurrently = || {
        let tokens = statement.syntax().descendants_with_tokens().filter_map(|element| element.into_token());
        tokens.into_iter().any(|token| token.kind() == SyntaxKind::CONCURRENTLY_KW)
    };
    let everything = |target: Option<ast::ReindexTarget>| {
        matches!(
            target,
            Some(
                ast::ReindexTarget::ReindexTargetDatabase(_)
                    | ast::ReindexTarget::ReindexTargetSchema(_)
                    | ast::ReindexTarget::ReindexTargetSystem(_)
            )
        )
    };
    match statement {
        ast::Stmt::CreateIndex(_) | ast::Stmt::DropIndex(_) | ast::Stmt::Reindex(_) | ast::Stmt::AlterTable(_) if concurrently() => {
            Some("CONCURRENTLY fails in a transaction, and beside other statements")
        }
        ast::Stmt::Vacuum(_) => Some("VACUUM fails in a transaction, and beside other statements"),
        ast::Stmt::Reindex(it) if everything(it.reindex_target()) => Some("REINDEX of all of a schema or database fails in a transaction"),
        ast::Stmt::Cluster(it) if it.table_name_ref().is_none() && it.cluster_legacy().is_none() => {
            Some("CLUSTER of all tables fails in a transaction")
        }
        ast::Stmt::CreateDatabase(_) | ast::Stmt::DropDatabase(_) => Some("a database cannot be made or removed in a transaction"),
        ast::Stmt::AlterDatabase(_) if moves(statement) => Some("a database cannot be moved in a transaction"),
        ast::Stmt::CreateTablespace(_) | ast::Stmt::DropTablespace(_) => Some("a tablespace cannot be made or removed in a transaction"),
        ast::Stmt::AlterSystem(_) => Some("ALTER SYSTEM fails in a transaction"),
        ast::Stmt::CreateSubscription(_) | ast::Stmt::DropSubscription(_) => {
            Some("a subscription with a replication slot cannot be made or removed in a transaction")
        }
        ast::Stmt::PrepareTransaction(_) => {
            Some("PREPARE TRANSACTION takes the transaction that the migration and its record have together")
        }
        _ => None,
    }
}
