//! How an image is built: the `build` section of a service.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::Model;

/// A `build` section.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Build {
    /// The directory that the build sees.
    #[serde(default)]
    pub(crate) context: PathBuf,
    /// The Dockerfile, from there.
    dockerfile: Option<PathBuf>,
    /// Build arguments; one without a value is the caller's own variable.
    #[serde(default)]
    pub(crate) args: BTreeMap<String, Option<String>>,
    #[serde(default)]
    secrets: Vec<Mount>,
}

/// An entry of `secrets`.
#[derive(Clone, Debug, Deserialize)]
struct Mount {
    /// The name at the top level.
    source: String,
}

impl Build {
    /// The path of the Dockerfile.
    pub(crate) fn dockerfile(&self) -> PathBuf {
        self.context.join(self.dockerfile.as_deref().unwrap_or("Dockerfile".as_ref()))
    }

    /// The secrets that the build may read, by name, with the files that hold them.
    pub(crate) fn secret_files<'a>(&'a self, model: &'a Model) -> impl Iterator<Item = (&'a str, &'a PathBuf)> {
        self.secrets.iter().filter_map(|mount| Some((mount.source.as_str(), model.secrets.get(&mount.source)?.file.as_ref()?)))
    }
}
