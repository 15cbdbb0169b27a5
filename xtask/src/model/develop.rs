//! What the compose files say about development: Compose's own `develop.watch`, and `x-develop` for what it has no word for.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

/// An `x-develop` section.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Develop {
    /// The service that builds programs.
    pub(crate) builder: String,
    /// The service that tells browsers.
    pub(crate) hub: String,
    /// The cargo package of the program that a service runs.
    pub(crate) programs: BTreeMap<String, String>,
    /// The services that are asked about new mounted files, and told to take them.
    #[serde(default)]
    pub(crate) reload: BTreeMap<String, Reload>,
}

/// How a service takes new files.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reload {
    /// Whether they are good: exit code 0.
    pub(crate) check: Vec<String>,
    /// Takes them; absent where the service reads them at each request.
    pub(crate) apply: Option<Vec<String>>,
}

/// The `develop` section of a service.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Section {
    #[serde(default)]
    pub(super) watch: Vec<Rule>,
}

/// A rule of `develop.watch`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rule {
    /// What is done.
    pub(crate) action: Action,
    /// The directory or file on the host.
    pub(crate) path: PathBuf,
    /// Where it is in the container, for what is synced.
    pub(crate) target: Option<String>,
    /// Patterns of paths below `path` that do not count.
    #[serde(default)]
    pub(crate) ignore: Vec<String>,
    /// Patterns of the only paths below `path` that count, if there are any.
    #[serde(default)]
    pub(crate) include: Vec<String>,
    /// Whether all files are brought at the beginning.
    #[serde(default)]
    pub(crate) initial_sync: bool,
}

/// The actions of `develop.watch`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Action {
    /// Copy what changed into the container.
    #[serde(rename = "sync")]
    Sync,
    /// Restart the container.
    #[serde(rename = "restart")]
    Restart,
    /// Copy, then restart.
    #[serde(rename = "sync+restart")]
    SyncRestart,
    /// Build the image anew and replace the container.
    #[serde(rename = "rebuild")]
    Rebuild,
    /// One of a newer Compose, which is not followed here.
    #[serde(other)]
    Unknown,
}
