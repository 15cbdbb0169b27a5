//! The workspace's packages: which one a file belongs to, and which ones are built from it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Deserialize;

/// The packages of a workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Crates {
    /// The directory of each package, relative to the workspace, with the names of the packages in the workspace that it is built with.
    packages: BTreeMap<String, (PathBuf, BTreeSet<String>)>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_root: PathBuf,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    name: String,
    kind: Option<String>,
    path: Option<PathBuf>,
}

impl Crates {
    /// Parses what `cargo metadata --no-deps --format-version 1` prints.
    ///
    /// # Errors
    /// When it is something else.
    pub(crate) fn parse(json: &str) -> anyhow::Result<Self> {
        let metadata: Metadata = serde_json::from_str(json).context("cannot read what `cargo metadata` printed")?;
        let packages = metadata.packages.into_iter().map(|package| {
            let dir = package.manifest_path.parent().unwrap_or(Path::new(""));
            let dir = dir.strip_prefix(&metadata.workspace_root).unwrap_or(dir).to_owned();
            // Programs are built without what only tests need.
            let built_with = package.dependencies.into_iter().filter(|on| on.path.is_some() && on.kind.as_deref() != Some("dev"));
            (package.name, (dir, built_with.map(|on| on.name).collect()))
        });
        Ok(Self { packages: packages.collect() })
    }

    /// The package that `path` (relative to the workspace) belongs to: the innermost one, where packages stand inside of packages.
    pub(crate) fn owner(&self, path: &Path) -> Option<&str> {
        let inside = self.packages.iter().filter(|(_, (dir, _))| !dir.as_os_str().is_empty() && path.starts_with(dir));
        inside.max_by_key(|(_, (dir, _))| dir.components().count()).map(|(name, _)| name.as_str())
    }

    /// Whether `package` is `other` or built with it, directly or through others.
    pub(crate) fn built_from(&self, package: &str, other: &str) -> bool {
        let (mut seen, mut open) = (BTreeSet::new(), vec![package]);
        while let Some(name) = open.pop() {
            if name == other {
                return true;
            }
            if seen.insert(name)
                && let Some((_, built_with)) = self.packages.get(name)
            {
                open.extend(built_with.iter().map(String::as_str));
            }
        }
        false
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Two programs that share a package, and a package inside of another one.
    pub(crate) fn sample() -> Crates {
        let package = |name: &str, dir: &str, dependencies: &str| {
            format!(r#"{{"name":"{name}","manifest_path":"/repo/{dir}/Cargo.toml","dependencies":[{dependencies}]}}"#)
        };
        let path = r#"{"name":"words","kind":null,"path":"/repo/words"}"#;
        let dev = r#"{"name":"frontend","kind":"dev","path":"/repo/frontend"}"#;
        let other = r#"{"name":"serde","kind":null,"path":null}"#;
        let packages = [
            package("backend", "backend", &format!("{path},{dev}")),
            package("frontend", "frontend", &format!("{other},{path}")),
            package("words", "words", ""),
            package("xtask", "xtask", ""),
            package("hub", "xtask/hub", ""),
        ];
        Crates::parse(&format!(r#"{{"packages":[{}],"workspace_root":"/repo"}}"#, packages.join(","))).expect("valid")
    }

    #[test]
    fn a_file_belongs_to_the_innermost_package() {
        let crates = sample();
        let owner = |path: &str| crates.owner(Path::new(path)).map(str::to_owned);
        assert_eq!(owner("backend/src/main.rs").as_deref(), Some("backend"));
        assert_eq!(owner("xtask/hub/src/main.rs").as_deref(), Some("hub"));
        assert_eq!(owner("xtask/src/main.rs").as_deref(), Some("xtask"));
        assert_eq!(owner("backend-notes.md"), None);
        assert_eq!(owner("README.md"), None);
    }

    #[test]
    fn a_program_is_built_from_what_it_depends_on_but_not_from_what_its_tests_need() {
        let crates = sample();
        assert!(crates.built_from("backend", "backend") && crates.built_from("backend", "words") && crates.built_from("frontend", "words"));
        assert!(!crates.built_from("backend", "frontend") && !crates.built_from("words", "backend") && !crates.built_from("hub", "xtask"));
    }
}
