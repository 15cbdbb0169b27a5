//! Base images: the official ones that the compose files name, or equivalents built from `infra/images/` where no registry is reachable.
//!
//! A variable `POSTGRES_IMAGE` in the compose files, the directory `infra/images/postgres/` and the image `slipway/base-postgres` belong together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};

use crate::config::references::references;
use crate::project::Project;

/// A variable of the compose files that names a base image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    /// For example `POSTGRES_IMAGE`.
    pub(crate) name: String,
    /// The official image: the pin in the compose file.
    pub(crate) official: String,
}

impl Variable {
    /// The short name: `postgres`.
    pub(crate) fn short(&self) -> String {
        self.name.trim_end_matches("_IMAGE").to_lowercase()
    }
}

/// Those that the compose `files` take, by name. Compose has a command for that, which takes a tenth of a second of every other one.
pub(crate) fn variables(files: &[PathBuf]) -> Vec<Variable> {
    let mut variables = BTreeMap::new();
    for file in files {
        // What is wrong with a file is Compose's to say.
        variables.extend(pins(&std::fs::read_to_string(file).unwrap_or_default()));
    }
    variables.into_iter().map(|(name, official)| Variable { name, official }).collect()
}

/// What stands as `${NAME_IMAGE:-official}` in a compose file.
fn pins(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    let named = lines.flat_map(references).filter(|(name, _)| name.ends_with("_IMAGE"));
    named.filter_map(|(name, official)| Some((name, official?))).collect()
}

/// The variables to set: those whose official image is not here while a local equivalent is.
pub(crate) fn choose(variables: &[Variable], images: &BTreeMap<String, String>, local: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let missing = variables.iter().filter(|variable| !images.contains_key(&variable.official));
    missing
        .filter_map(|variable| Some((variable.name.clone(), local.get(&variable.short())?.clone())))
        .filter(|(_, tag)| images.contains_key(tag))
        .collect()
}

/// The local equivalents by short name, with the tag that their present content gives: an edited directory is another image.
///
/// # Errors
/// When `infra/images/` cannot be read.
pub(crate) fn local_tags(project: &Project) -> anyhow::Result<BTreeMap<String, String>> {
    let dir = project.infra().join("images");
    let mut names: Vec<String> = std::fs::read_dir(&dir)
        .with_context(|| format!("cannot read {}", dir.display()))?
        .flatten()
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    // All others are built on `runtime`, so its content is part of theirs; the pinned toolchain is part of `rust`.
    let runtime = digest(&dir.join("runtime"), &[])?;
    let toolchain = std::fs::read(project.root.join("rust-toolchain.toml")).unwrap_or_default();
    let tag = |name: String| {
        let digest = match name.as_str() {
            "runtime" => runtime.clone(),
            "rust" => digest(&dir.join(&name), &[runtime.as_slice(), &toolchain].concat())?,
            _ => digest(&dir.join(&name), &runtime)?,
        };
        let hex: String = digest.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        Ok((name.clone(), format!("slipway/base-{name}:{hex}")))
    };
    names.into_iter().map(tag).collect()
}

/// A digest of `seed` and of the names and contents of the files in `dir`.
fn digest(dir: &Path, seed: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut files: Vec<_> =
        std::fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?.flatten().map(|entry| entry.path()).collect();
    files.sort();
    let mut hash = Sha256::new_with_prefix(seed);
    for file in files.iter().filter(|file| file.is_file()) {
        hash.update(file.file_name().unwrap_or_default().to_string_lossy().as_bytes());
        hash.update(std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?);
    }
    Ok(hash.finalize().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn variables_come_from_the_compose_files() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let files = ["compose.yaml", "compose.more.yaml", "missing.yaml"].map(|name| dir.path().join(name));
        let text = "# ${OLD_IMAGE:-old:1} is gone\nimage: ${REDIS_IMAGE:-redis:8}\nports: ['${HTTP_PORT:-8080}:80']\nbuild: { args: { \
            POSTGRES_IMAGE: \"${POSTGRES_IMAGE-postgres:17@sha256:ab}\", X: '$${NO_IMAGE:-no}', Y: '${BARE_IMAGE}' } }\n\
            tag: ${IMAGE_REPOSITORY:-slipway}/a:${IMAGE_TAG:-main}\n";
        std::fs::write(&files[0], text).expect("written");
        std::fs::write(&files[1], "image: ${MAIL_IMAGE:-mail:1}\n").expect("written");
        let variables = variables(&files);
        assert_eq!(
            variables.iter().map(|variable| (variable.short(), variable.official.as_str())).collect::<Vec<_>>(),
            [("mail".to_owned(), "mail:1"), ("postgres".to_owned(), "postgres:17@sha256:ab"), ("redis".to_owned(), "redis:8")]
        );
    }

    #[test]
    fn the_official_image_comes_first() {
        let variables = [("POSTGRES_IMAGE", "postgres:17"), ("REDIS_IMAGE", "redis:8")]
            .map(|(name, official)| Variable { name: name.to_owned(), official: official.to_owned() });
        let local = map(&[("postgres", "slipway/base-postgres:1"), ("redis", "slipway/base-redis:1")]);
        let images = map(&[("postgres:17", "a"), ("slipway/base-postgres:1", "b"), ("slipway/base-redis:1", "c")]);
        assert_eq!(choose(&variables, &images, &local), [("REDIS_IMAGE".to_owned(), "slipway/base-redis:1".to_owned())]);
        assert_eq!(choose(&variables, &map(&[("slipway/base-redis:0", "c")]), &local), [], "an old local image is not used");
    }

    #[test]
    fn an_edit_gives_another_tag_also_to_what_is_built_on_it() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let project = Project { root: dir.path().to_owned(), environment: "local".to_owned(), instance: "main".to_owned() };
        let write = |path: &str, text: &str| {
            let path = dir.path().join("infra/images").join(path);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("created");
            std::fs::write(path, text).expect("written");
        };
        write("runtime/packages", "ca-certificates");
        write("redis/Dockerfile", "FROM x");
        let first = local_tags(&project).expect("readable");
        assert!(first["redis"].starts_with("slipway/base-redis:") && first["redis"].len() == "slipway/base-redis:".len() + 12);
        write("redis/Dockerfile", "FROM y");
        let second = local_tags(&project).expect("readable");
        assert_ne!(first["redis"], second["redis"]);
        assert_eq!(first["runtime"], second["runtime"]);
        write("runtime/packages", "curl");
        assert_ne!(second["redis"], local_tags(&project).expect("readable")["redis"]);
        write("rust/Dockerfile", "FROM x");
        let third = local_tags(&project).expect("readable");
        std::fs::write(dir.path().join("rust-toolchain.toml"), "channel").expect("written");
        let fourth = local_tags(&project).expect("readable");
        assert_ne!(third["rust"], fourth["rust"]);
        assert_eq!(third["redis"], fourth["redis"]);
    }
}
