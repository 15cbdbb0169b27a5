//! What the stage `sbom` of a Dockerfile says, and what the lock file knows about crates.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;
use serde::Deserialize;

/// A crate that is linked.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Crate {
    /// Its name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// An SPDX expression; empty when it names none.
    pub(crate) licenses: String,
}

/// A package of the distribution that files of the image come from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Package {
    /// The distribution as it calls itself: `debian`.
    pub(crate) distribution: String,
    /// Its release: `13`.
    pub(crate) release: String,
    /// The name.
    pub(crate) name: String,
    /// The version.
    pub(crate) version: String,
    /// The architecture.
    pub(crate) architecture: String,
    /// The source package that it was built from: security notes name these.
    pub(crate) source: String,
    /// Its version.
    pub(crate) source_version: String,
}

/// What an image consists of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Materials {
    /// The version of the compiler, whose standard library is linked.
    pub(crate) rust: Option<String>,
    /// The crates, sorted.
    pub(crate) crates: Vec<Crate>,
    /// The packages, sorted.
    pub(crate) packages: Vec<Package>,
}

impl Materials {
    /// Reads what a build wrote into `dir`: `rust`, `crates` and `packages`, each of them only where the image has such a thing.
    ///
    /// # Errors
    /// When there is none of them, or one is not as it should be.
    pub(crate) fn read(dir: &Path) -> anyhow::Result<Self> {
        let text = |name: &str| -> anyhow::Result<Option<String>> {
            let path = dir.join(name);
            path.exists().then(|| std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))).transpose()
        };
        let [rust, crates, packages] = [text("rust")?, text("crates")?, text("packages")?];
        anyhow::ensure!(crates.is_some() || packages.is_some(), "the stage `sbom` has neither `crates` nor `packages`");
        let rust = rust.map(|text| compiler(&text).with_context(|| format!("`{}` is no version of rustc", text.trim()))).transpose()?;
        Ok(Self { rust, crates: lines(&crates.unwrap_or_default(), linked)?, packages: lines(&packages.unwrap_or_default(), package)? })
    }
}

fn lines<T: Ord>(text: &str, parse: impl Fn(&str) -> Option<T>) -> anyhow::Result<Vec<T>> {
    let parsed = text.lines().filter(|line| !line.trim().is_empty());
    let parsed = parsed.map(|line| parse(line).with_context(|| format!("`{line}` in the stage `sbom` cannot be read")));
    let mut all = parsed.collect::<anyhow::Result<Vec<T>>>()?;
    all.sort();
    all.dedup();
    Ok(all)
}

/// `rustc 1.95.0 (59807616e 2026-04-14)`.
fn compiler(text: &str) -> Option<String> {
    text.trim().strip_prefix("rustc ")?.split(' ').next().map(str::to_owned)
}

/// `serde v1.0.229<tab>MIT OR Apache-2.0`, also with a path after the version, and `(*)` at the end of what was listed before.
fn linked(line: &str) -> Option<Crate> {
    let (id, licenses) = line.strip_suffix(" (*)").unwrap_or(line).split_once('\t')?;
    let mut words = id.split(' ');
    let (name, version) = (words.next()?, words.next()?.strip_prefix('v')?);
    // Before there were expressions, a slash was an `OR`.
    let licenses = licenses.trim().split('/').map(str::trim).collect::<Vec<_>>().join(" OR ");
    Some(Crate { name: name.to_owned(), version: version.to_owned(), licenses })
}

fn package(line: &str) -> Option<Package> {
    let cells: Vec<&str> = line.split('\t').collect();
    let [distribution, release, name, version, architecture, source, source_version] = cells.try_into().ok()?;
    // Where several architectures may be installed, the name has one behind it.
    let name = name.split(':').next().unwrap_or(name);
    let cells = [distribution, release, name, version, architecture, source, source_version].map(str::to_owned);
    let [distribution, release, name, version, architecture, source, source_version] = cells;
    Some(Package { distribution, release, name, version, architecture, source, source_version })
}

/// What `Cargo.lock` says: where crates come from, and their checksums.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lock(BTreeMap<(String, String), Locked>);

/// An entry of the lock file.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Locked {
    name: String,
    version: String,
    /// Where it comes from; nothing for a crate of the workspace.
    pub(crate) source: Option<String>,
    /// Of the file that was downloaded.
    pub(crate) checksum: Option<String>,
}

#[derive(Deserialize)]
struct LockFile {
    #[serde(default)]
    package: Vec<Locked>,
}

impl Lock {
    /// Reads the text of a lock file.
    ///
    /// # Errors
    /// When it is none.
    pub(crate) fn parse(text: &str) -> anyhow::Result<Self> {
        let file: LockFile = toml::from_str(text).context("cannot read Cargo.lock")?;
        Ok(Self(file.package.into_iter().map(|entry| ((entry.name.clone(), entry.version.clone()), entry)).collect()))
    }

    /// What it says about `name` in `version`.
    pub(crate) fn find(&self, name: &str, version: &str) -> Option<&Locked> {
        self.0.get(&(name.to_owned(), version.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_build_wrote_is_read_sorted_and_once() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).expect("written");
        assert_eq!(Materials::read(dir.path()).expect_err("empty").to_string(), "the stage `sbom` has neither `crates` nor `packages`");
        write(
            "crates",
            "backend v0.1.0 (/workspace/backend)\tMIT\nserde v1.0.1\tMIT/Apache-2.0\nring v0.17.0\t\nserde v1.0.1\tMIT/Apache-2.0 (*)\n",
        );
        let materials = Materials::read(dir.path()).expect("readable");
        let crates: Vec<String> = materials.crates.iter().map(|part| format!("{} {} {}", part.name, part.version, part.licenses)).collect();
        assert_eq!(crates, ["backend 0.1.0 MIT", "ring 0.17.0 ", "serde 1.0.1 MIT OR Apache-2.0"]);
        assert_eq!((materials.rust, materials.packages), (None, vec![]));
        write("rust", "rustc 1.95.0 (59807616e 2026-04-14)\n");
        write("packages", "debian\t13\tlibc6:amd64\t2.41-12\tamd64\tglibc\t2.41-12\n");
        let materials = Materials::read(dir.path()).expect("readable");
        assert_eq!((materials.rust.as_deref(), materials.packages[0].name.as_str()), (Some("1.95.0"), "libc6"));
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        for (name, line, text) in [
            ("crates", "serde 1.0.1\tMIT", "`serde 1.0.1\tMIT` in the stage `sbom` cannot be read"),
            ("crates", "serde v1.0.1", "`serde v1.0.1` in the stage `sbom` cannot be read"),
            ("packages", "libc6\t2.41", "`libc6\t2.41` in the stage `sbom` cannot be read"),
            ("rust", "cargo 1.95", "`cargo 1.95` is no version of rustc"),
        ] {
            std::fs::write(dir.path().join("crates"), "").expect("written");
            std::fs::write(dir.path().join(name), line).expect("written");
            assert_eq!(Materials::read(dir.path()).expect_err("refused").to_string(), text);
            std::fs::remove_file(dir.path().join(name)).expect("removed");
        }
    }
}
