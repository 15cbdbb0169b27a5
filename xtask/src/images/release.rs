//! What the labels of an image say beside its commit: where the sources are, which version this is, and its licences.

use std::path::Path;

use anyhow::Context as _;
use serde::Deserialize;

use crate::process::Invocation;

/// What the checkout says about itself; what it does not say is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Release {
    /// The address of the sources.
    pub(crate) source: String,
    /// The version of the workspace.
    pub(crate) version: String,
    /// An SPDX expression.
    pub(crate) licenses: String,
}

impl Release {
    /// That of the checkout at `root`.
    ///
    /// # Errors
    /// When git cannot be run, or the manifest cannot be read.
    pub(crate) fn look(root: &Path) -> anyhow::Result<Self> {
        let origin = Invocation::new("git").args(["remote", "get-url", "origin"]).dir(root).capture()?;
        let manifest = root.join("Cargo.toml");
        let text = std::fs::read_to_string(&manifest).with_context(|| format!("cannot read {}", manifest.display()))?;
        let Package { version, license } = package(&text).with_context(|| format!("cannot read {}", manifest.display()))?;
        // A checkout without this remote has no source to name.
        let source = if origin.code == 0 { source(origin.stdout.trim()) } else { String::new() };
        Ok(Self { source, version, licenses: license })
    }
}

#[derive(Deserialize)]
struct Manifest {
    workspace: Workspace,
}

#[derive(Deserialize)]
struct Workspace {
    #[serde(default)]
    package: Package,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Package {
    version: String,
    license: String,
}

fn package(manifest: &str) -> Result<Package, toml::de::Error> {
    toml::from_str(manifest).map(|Manifest { workspace }| workspace.package)
}

/// The address that git fetches from as everybody may read it: without passwords and tokens; empty for a directory, which is elsewhere on each machine.
fn source(origin: &str) -> String {
    let Some((scheme, rest)) = origin.split_once("://") else {
        // `git@example.com:team/board.git`; a colon after a slash is part of a path.
        let host = origin.split_once(':').map_or("", |(host, _)| host);
        return if host.len() < 2 || host.contains(['/', '\\']) { String::new() } else { origin.to_owned() };
    };
    if scheme == "file" {
        return String::new();
    }
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    let path = path.split(['?', '#']).next().unwrap_or_default();
    // Where people log in with a key the name is part of the address; elsewhere it may be a token itself.
    match user.split(':').next().unwrap_or_default() {
        name if scheme.ends_with("ssh") && !name.is_empty() => format!("{scheme}://{name}@{host}{path}"),
        _ => format!("{scheme}://{host}{path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_what_is_secret_in_it() {
        for (origin, shown) in [
            ("https://example.com/team/board.git", "https://example.com/team/board.git"),
            ("https://somebody:token@example.com/board.git", "https://example.com/board.git"),
            ("https://token@example.com:8443/board.git?private_token=x#y", "https://example.com:8443/board.git"),
            ("https://a:b@c@example.com/board", "https://example.com/board"),
            ("ssh://git:password@example.com/board.git", "ssh://git@example.com/board.git"),
            ("git@example.com:team/board.git", "git@example.com:team/board.git"),
            ("https://example.com", "https://example.com"),
            ("/srv/board", ""),
            ("../board:2", ""),
            ("C:\\board", ""),
            ("file:///srv/board", ""),
            ("", ""),
        ] {
            assert_eq!(source(origin), shown, "{origin}");
        }
    }

    #[test]
    fn version_and_licence_are_those_of_the_workspace() {
        let own = package(include_str!("../../../Cargo.toml")).expect("valid");
        assert_eq!(own.version, env!("CARGO_PKG_VERSION"));
        assert!(!own.license.is_empty());
        let bare = package("[workspace]\nmembers = []").expect("valid");
        assert_eq!((bare.version.as_str(), bare.license.as_str()), ("", ""));
        assert!(package("[package]").is_err());
    }
}
