//! Development secrets: each file that the compose model names and that is not there yet gets a strong random value.

use std::path::Path;

use anyhow::Context as _;

use crate::model::Model;
use crate::project::Project;
use crate::report::{Failure, Volume};

/// Makes the missing secret files of `model` that belong in `infra/secrets/`. `has_data` says whether the project has volumes: a new secret would
/// lock their owner out, and they may be another checkout's of the same name.
///
/// # Errors
/// When there is data that an older secret belongs to, or a file cannot be written.
pub(crate) fn ensure(
    project: &Project,
    model: &Model,
    volume: Volume,
    has_data: impl FnOnce() -> anyhow::Result<bool>,
) -> anyhow::Result<()> {
    let missing = missing(project, model);
    if !missing.is_empty() && has_data()? {
        let shown = |file: &&Path| file.strip_prefix(&project.root).unwrap_or(file).display().to_string();
        let names: Vec<String> = missing.iter().map(shown).collect();
        return Err(Failure::new(format!(
            "`{}` has data, but the secret that belongs to it is not here: {}",
            project.compose_name(),
            names.join(", ")
        ))
        .detail("the file was lost, or another checkout made the data under the same name")
        .hint("put the file back, or give this checkout a name of its own, for example `--instance second`")
        .hint(format!("where the data is of no use, `cargo xtask clean{}` removes it", project.flags()))
        .into());
    }
    for file in missing {
        write(file)?;
        volume.say(format!("made the secret {}", file.strip_prefix(&project.root).unwrap_or(file).display()));
    }
    Ok(())
}

/// The secret files of `model` that belong in `infra/secrets/` and are not there.
pub(crate) fn missing<'a>(project: &Project, model: &'a Model) -> Vec<&'a Path> {
    let dir = project.infra().join("secrets");
    let files = model.secrets.values().filter_map(|secret| secret.file.as_deref());
    files.filter(|file| file.starts_with(&dir) && !file.exists()).collect()
}

fn write(file: &Path) -> anyhow::Result<()> {
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("the system gives no random bytes: {error}"))?;
    let value: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let dir = file.parent().context("a secret's path has a directory")?;
    std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    // The directory keeps others out; the file itself is mounted into containers whose user is another one than ours, and must be readable there.
    mode(dir, 0o700)?;
    std::fs::write(file, value + "\n").with_context(|| format!("cannot write {}", file.display()))?;
    mode(file, 0o644)
}

#[cfg(unix)]
fn mode(path: &Path, mode: u32) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
        .with_context(|| format!("cannot set the permissions of {}", path.display()))
}

#[cfg(not(unix))]
fn mode(_path: &Path, _mode: u32) -> anyhow::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_made_once() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let project = Project { root: root.path().to_owned(), environment: "local".to_owned(), instance: "main".to_owned() };
        let file = root.path().join("infra/secrets/local/password");
        let model = |file: &Path| {
            Model::parse(&serde_json::json!({ "services": {}, "secrets": { "password": { "file": file } } }).to_string()).expect("valid")
        };
        let refused = ensure(&project, &model(&file), Volume::Quiet, || Ok(true)).expect_err("there is data").to_string();
        assert!(
            refused.starts_with("`slipway` has data, but the secret that belongs to it is not here: infra/secrets/local/password\n"),
            "{refused}"
        );
        assert!(!file.exists());
        ensure(&project, &model(&file), Volume::Quiet, || Ok(false)).expect("made");
        let first = std::fs::read_to_string(&file).expect("there");
        assert_eq!(first.trim().len(), 48);
        ensure(&project, &model(&file), Volume::Quiet, || Ok(true)).expect("nothing to do");
        assert_eq!(std::fs::read_to_string(&file).expect("there"), first);
        let outside = root.path().join("elsewhere/password");
        ensure(&project, &model(&outside), Volume::Quiet, || Ok(true)).expect("nothing to do");
        assert!(!outside.exists(), "files outside infra/secrets are left alone");
    }
}
