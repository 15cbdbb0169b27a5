//! What `migrate check` found, for people and for programs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::report::{Style, paint, with_flags};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// The name of a file.
    Name,
    /// One number, several migrations.
    Number,
    /// Only one of both directions.
    Pair,
    /// The text cannot be read as SQL.
    Sql,
    /// Data are lost, or the version that serves does not find what it needs.
    Destructive,
    /// Others wait while a whole table is read or written.
    Locks,
    /// It cannot run in a transaction, or not with what stands beside it.
    Transaction,
    /// It has no statement.
    Empty,
    /// It was changed after it was applied.
    Changed,
    /// It was applied and is not here.
    Missing,
    /// It sorts before one that is applied.
    OutOfOrder,
    /// The program that runs was built without it.
    Unbuilt,
    /// An index or a constraint that the database has and does not use.
    Invalid,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Number => "number",
            Self::Pair => "pair",
            Self::Sql => "sql",
            Self::Destructive => "destructive",
            Self::Locks => "locks",
            Self::Transaction => "transaction",
            Self::Empty => "empty",
            Self::Changed => "changed",
            Self::Missing => "missing",
            Self::OutOfOrder => "out-of-order",
            Self::Unbuilt => "unbuilt",
            Self::Invalid => "invalid",
        }
    }

    /// What to do about it.
    pub(crate) fn fix(self) -> &'static str {
        match self {
            Self::Name => "`cargo xtask migrate new NAME` makes files with good names",
            Self::Number => "give the newer one the number of today; nothing that is applied may be renamed",
            Self::Pair => "write the file that is missing",
            Self::Sql => {
                "write it as PostgreSQL reads it, in UTF-8 without a byte order mark; where PostgreSQL takes it as it is, say so: `-- sql: <why>`"
            }
            Self::Destructive => {
                "make it a later migration, when no version that runs uses it; then say why it is safe: `-- destructive: <why>`"
            }
            Self::Locks => "keep the lock short (docs/migrations.md says how), or say why it is fine: `-- locks: <why>`",
            Self::Transaction => {
                "leave `BEGIN` and `COMMIT` out; what fails in a transaction has a file of its own, which begins with `-- no-transaction`"
            }
            Self::Empty => "write its statements, or remove both of its files; where nothing is to be taken back, `SELECT 1;` says so",
            Self::Changed => {
                "restore its text and put the change into a new migration; `git log -p` has what was applied. Where it is the newest and is applied \
                 nowhere else, `cargo xtask migrate revert` takes it back, with the data that only it has room for"
            }
            Self::Missing => {
                "go to the branch that has it, give its file the old number again, or let the version that has it run `cargo xtask migrate revert`"
            }
            Self::OutOfOrder => {
                "`cargo xtask migrate` applies it as it is; where it needs the later ones, give it the number of today first"
            }
            Self::Invalid => {
                "drop the index and create it again, both with `CONCURRENTLY`; `ALTER TABLE … VALIDATE CONSTRAINT …` checks the rows of a constraint"
            }
            Self::Unbuilt => "`cargo xtask rebuild` builds the program from the files that are here, and so does `cargo xtask dev`",
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// The file, or the migration where there is no file.
    pub(crate) file: String,
    /// The line of the statement.
    pub(crate) line: Option<usize>,
    /// What kind of thing.
    pub(crate) kind: Kind,
    /// What it is.
    pub(crate) text: String,
    /// The table, where it is about one.
    pub(crate) table: Option<String>,
    /// About how many rows the table has, where the database was asked.
    pub(crate) rows: Option<u64>,
}

impl Finding {
    /// About the whole of `file`.
    pub(crate) fn of(file: &str, kind: Kind, text: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: None, kind, text: text.into(), table: None, rows: None }
    }
}

/// What `--json` prints. Fields are added, never renamed.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    schema: u32,
    /// Whether the database was asked.
    database: bool,
    findings: Vec<Finding>,
}

impl Report {
    /// Of `findings`; `database` says whether it was asked.
    pub(crate) fn new(findings: Vec<Finding>, database: bool) -> Self {
        Self { schema: 1, database, findings }
    }

    /// Whether nothing has to be mended.
    pub(crate) fn ok(&self) -> bool {
        self.findings.is_empty()
    }

    /// Says how many rows the tables have that others wait for.
    pub(crate) fn sizes(mut self, rows: &BTreeMap<String, u64>) -> Self {
        for finding in self.findings.iter_mut().filter(|finding| finding.kind == Kind::Locks) {
            finding.rows = finding.table.as_ref().and_then(|table| rows.get(table)).copied();
        }
        self
    }

    /// A line for each finding, then what to do about each kind, with commands that have `flags`.
    pub(crate) fn render(&self, flags: &str) -> String {
        let line = |finding: &Finding| {
            let line = finding.line.map(|line| format!(":{line}")).unwrap_or_default();
            let rows = finding.rows.map(|rows| format!(", about {rows} rows")).unwrap_or_default();
            let about = finding.table.as_ref().map(|table| format!(" (`{table}`{rows})")).unwrap_or_default();
            let Finding { file, kind, text, .. } = finding;
            format!("{file}{line}: {}: {text}{about}", paint(Style::Error, kind.name()))
        };
        let mut lines: Vec<String> = self.findings.iter().map(line).collect();
        let mut kinds: Vec<Kind> = Vec::new();
        for finding in &self.findings {
            if !kinds.contains(&finding.kind) {
                kinds.push(finding.kind);
            }
        }
        if !kinds.is_empty() {
            lines.push(String::new());
        }
        lines.extend(kinds.into_iter().map(|kind| format!("fix for {}: {}", kind.name(), with_flags(kind.fix(), flags))));
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terminal::{Colours, shown};

    #[test]
    fn a_line_for_each_and_a_fix_for_each_kind() {
        let lock =
            |table: &str| Finding { line: Some(3), table: Some(table.to_owned()), ..Finding::of("1_a.up.sql", Kind::Locks, "an index") };
        let findings = vec![lock("tasks"), lock("users"), Finding::of("20260101000000", Kind::Missing, "was applied and is not here")];
        let report = Report::new(findings, true).sizes(&BTreeMap::from([("tasks".to_owned(), 1200)]));
        let text = report.render(" --env test");
        insta::assert_snapshot!(shown(&text, Colours::Removed), @r"
        1_a.up.sql:3: locks: an index (`tasks`, about 1200 rows)
        1_a.up.sql:3: locks: an index (`users`)
        20260101000000: missing: was applied and is not here

        fix for locks: keep the lock short (docs/migrations.md says how), or say why it is fine: `-- locks: <why>`
        fix for missing: go to the branch that has it, give its file the old number again, or let the version that has it run `cargo xtask migrate revert --env test`
        ");
        assert!(!report.ok() && Report::new(Vec::new(), false).ok());
    }
}
