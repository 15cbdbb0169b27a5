//! Which tables and views a statement is about, and which it makes.

use std::collections::BTreeSet;

use squawk_syntax::ast::{self, AstNode as _};

/// What the statement is about; nothing where that cannot be told, or is no table or view.
pub(crate) fn of(statement: &ast::Stmt) -> Vec<String> {
    let mut named: Vec<Option<ast::PathRef>> = Vec::new();
    let table = |relation: Option<ast::TableRelationName>| relation.and_then(|it| it.table_name_ref()).and_then(|it| it.path_ref());
    match statement {
        ast::Stmt::AlterTable(it) => named.push(table(it.table_relation_name())),
        ast::Stmt::CreateIndex(it) => named.push(table(it.table_relation_name())),
        ast::Stmt::DropTable(it) => named.extend(it.table_name_refs().map(|it| it.path_ref())),
        ast::Stmt::DropForeignTable(it) => named.extend(it.table_name_refs().map(|it| it.path_ref())),
        ast::Stmt::DropView(it) => named.extend(it.view_refs().map(|it| it.path_ref())),
        ast::Stmt::DropMaterializedView(it) => named.extend(it.syntax().children().filter_map(ast::ViewRef::cast).map(|it| it.path_ref())),
        ast::Stmt::AlterMaterializedView(it) => named.push(it.view_ref().and_then(|it| it.path_ref())),
        ast::Stmt::Refresh(it) => named.push(it.view_ref().and_then(|it| it.path_ref())),
        ast::Stmt::Truncate(it) => {
            named.extend(it.table_list().into_iter().flat_map(|it| it.table_relation_names()).map(|it| table(Some(it))));
        }
        ast::Stmt::Lock(it) => named.extend(
            it.relation_list().into_iter().flat_map(|it| it.relation_names()).map(|it| it.relation_name_ref().and_then(|it| it.path_ref())),
        ),
        ast::Stmt::Cluster(it) => {
            let legacy = it.cluster_legacy().and_then(|it| it.on_path()).and_then(|it| it.table_name_ref());
            named.push(it.table_name_ref().or(legacy).and_then(|it| it.path_ref()));
        }
        ast::Stmt::Vacuum(it) => named.extend(
            it.table_and_columns_list().into_iter().flat_map(|it| it.table_and_columnss()).map(|it| table(it.table_relation_name())),
        ),
        ast::Stmt::Reindex(it) => {
            if let Some(ast::ReindexTarget::ReindexTargetTable(it)) = it.reindex_target() {
                named.push(it.table_name_ref().and_then(|it| it.path_ref()));
            }
        }
        _ => {}
    }
    named.into_iter().flatten().filter_map(|path| name(&path)).collect()
}

/// The table whose rows are deleted.
pub(crate) fn of_delete(delete: &ast::Delete) -> Option<String> {
    name(&delete.relation_name()?.relation_name_ref()?.path_ref()?)
}

/// Goes on to what is there after the statement.
pub(crate) fn follow(statement: &ast::Stmt, created: &mut BTreeSet<String>) {
    let table = |it: Option<ast::TableName>| it.and_then(|it| it.path()).and_then(|path| own_name(&path));
    match statement {
        ast::Stmt::CreateTable(it) => created.extend(table(it.table_name())),
        ast::Stmt::CreateTableAs(it) => created.extend(table(it.table_name())),
        ast::Stmt::CreateForeignTable(it) => created.extend(table(it.table_name())),
        ast::Stmt::SelectInto(it) => created.extend(table(it.into_clause().and_then(|it| it.table_name()))),
        ast::Stmt::CreateView(it) => created.extend(it.view().and_then(|it| it.path()).and_then(|path| own_name(&path))),
        ast::Stmt::CreateMaterializedView(it) => created.extend(it.view().and_then(|it| it.path()).and_then(|path| own_name(&path))),
        ast::Stmt::DropTable(_) | ast::Stmt::DropForeignTable(_) | ast::Stmt::DropView(_) | ast::Stmt::DropMaterializedView(_) => {
            of(statement).iter().for_each(|name| {
                created.remove(name);
            });
        }
        ast::Stmt::AlterTable(it) if of(statement).iter().any(|name| created.contains(name)) => {
            let renamed =
                it.actions().find_map(|action| if let ast::AlterTableAction::TableRenameTo(it) = action { Some(it) } else { None });
            created.extend(table(renamed.and_then(|it| it.table_name())));
        }
        _ => {}
    }
}

fn name(path: &ast::PathRef) -> Option<String> {
    Some(in_schema(path.qualifier(), path.segment()?.text()))
}

fn own_name(path: &ast::Path) -> Option<String> {
    Some(in_schema(path.qualifier(), path.segment()?.text()))
}

fn in_schema(schema: Option<ast::PathRef>, name: String) -> String {
    match schema.and_then(|schema| Some(schema.segment()?.text())) {
        Some(schema) if schema != "public" => format!("{schema}.{name}"),
        _ => name,
    }
}
