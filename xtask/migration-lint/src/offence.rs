//! One thing that is wrong with a statement.

use serde::Serialize;

/// What is wrong. The names are those of `cargo xtask migrate check`, and of the notes that answer for it: `-- locks: <why>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// The text is not SQL.
    Sql,
    /// Data are lost, or the version that serves does not find what it needs.
    Destructive,
    /// Other sessions wait while a table is read, rewritten or locked.
    Locks,
    /// It cannot run in the transaction of the migration.
    Transaction,
}

impl Kind {
    /// The word of the note that answers for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sql => "sql",
            Self::Destructive => "destructive",
            Self::Locks => "locks",
            Self::Transaction => "transaction",
        }
    }
}

/// One thing that a statement does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Offence {
    /// Counted from 1.
    pub(crate) line: usize,
    /// What kind of thing.
    pub(crate) kind: Kind,
    /// What it is, and what to do instead.
    pub(crate) text: String,
    /// The table, view or index that the statement is about, as PostgreSQL folds its name, without `public.`.
    pub(crate) table: Option<String>,
}
