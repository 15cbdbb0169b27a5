//! `x-migrations`: how migrations are run and checked.

use serde::Deserialize;

/// An `x-migrations` section.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Migrations {
    /// The one-shot service that runs them.
    pub(crate) service: String,
    /// Arguments that apply what is pending.
    pub(crate) up: Vec<String>,
    /// Arguments that list what is applied and pending.
    pub(crate) status: Vec<String>,
    /// The same with checksums, so that files can be compared with what was applied; without it they are not.
    pub(crate) checksums: Option<Vec<String>>,
    /// Arguments that take back the newest applied one; its number follows, so that it is no other.
    pub(crate) revert: Vec<String>,
    /// The same where it was changed after it was applied; without it that is refused.
    pub(crate) revert_changed: Option<Vec<String>>,
    /// Where the files are, relative to `infra/`.
    pub(crate) directory: String,
    /// SQL that answers with the newest applied migration.
    pub(crate) newest: Option<String>,
    /// The first number whose statements are judged: an older file was applied, and never changes.
    pub(crate) checked_from: Option<u64>,
    /// How large the tables are.
    pub(crate) sizes: Option<Sizes>,
}

/// What asks for the sizes of tables.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sizes {
    /// The service whose container is asked.
    pub(crate) service: String,
    /// What answers there with lines `table|rows`.
    pub(crate) command: Vec<String>,
}
