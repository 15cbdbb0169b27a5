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
    /// The stage that is the image, where it is not the last one: without what later stages add, the program among it.
    pub(crate) target: Option<String>,
    /// Build arguments; one without a value is the caller's own variable.
    #[serde(default)]
    pub(crate) args: BTreeMap<String, Option<String>>,
    #[serde(default)]
    secrets: Vec<Mount>,
    /// Where the Dockerfile stands in the compose file itself.
    pub(crate) dockerfile_inline: Option<String>,
    /// Further directories or images, by the names that the Dockerfile has for them.
    #[serde(default)]
    pub(crate) additional_contexts: BTreeMap<String, String>,
    /// Names of hosts with their addresses: `name=address`.
    #[serde(default)]
    pub(crate) extra_hosts: Vec<String>,
    /// The network of its commands.
    pub(crate) network: Option<String>,
    /// SSH agents and keys that it may use.
    #[serde(default)]
    pub(crate) ssh: Vec<String>,
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
