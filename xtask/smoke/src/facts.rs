//! What xtask knows of the stack that is asked: one JSON document on stdin.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use url::Url;

/// What is known.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Facts {
    /// Where the stack answers.
    pub(crate) url: Url,
    /// Its services as the engine sees them; nothing where the stack is elsewhere.
    pub(crate) services: Option<Vec<Service>>,
    /// The flags that lead to the stack, for commands in hints.
    pub(crate) flags: String,
    /// Values for `{names}`.
    pub(crate) values: BTreeMap<String, String>,
    /// A file with the certificate that is trusted beside those of this machine: one that was made for a trial.
    pub(crate) trusted: Option<PathBuf>,
}

impl Facts {
    /// The service `name`, where the engine sees it.
    pub(crate) fn service(&self, name: &str) -> Option<&Service> {
        self.services.iter().flatten().find(|service| service.name == name)
    }
}

/// A service as the engine sees it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Service {
    /// Its name.
    pub(crate) name: String,
    /// What is wrong with it, if anything.
    pub(crate) problem: Option<String>,
    /// What to do about that.
    pub(crate) next: Option<String>,
    /// Whether somebody stopped it, which no other service is the reason for.
    pub(crate) stopped: bool,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A stack on this machine with `services`, all of them well.
    pub(crate) fn here(services: &[&str]) -> Facts {
        let services =
            services.iter().map(|name| Service { name: (*name).to_owned(), problem: None, next: None, stopped: false }).collect();
        Facts { services: Some(services), ..elsewhere("http://localhost:8080") }
    }

    /// A stack at `url`, of which only that is known.
    pub(crate) fn elsewhere(url: &str) -> Facts {
        Facts { url: url.parse().expect("an address"), services: None, flags: String::new(), values: BTreeMap::new(), trusted: None }
    }
}
