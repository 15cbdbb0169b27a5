//! What the agent's image is made of, as a tag.

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};

use crate::images::base;
use crate::project::Project;

/// Where its sources are, from the root.
const SOURCES: &str = "xtask/backup";

/// A tag for what the sources of the agent are now; nothing where they are not, as on a machine that only runs images.
pub(super) fn digest(project: &Project) -> anyhow::Result<Option<String>> {
    if !project.root.join(SOURCES).is_dir() {
        return Ok(None);
    }
    let mut files = Vec::new();
    let mut directories = vec![project.root.join(SOURCES)];
    while let Some(directory) = directories.pop() {
        let unreadable = || format!("cannot read {}", directory.display());
        for entry in std::fs::read_dir(&directory).with_context(unreadable)? {
            let path = entry.with_context(unreadable)?.path();
            if path.is_dir() { directories.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        hash.update(file.strip_prefix(&project.root).unwrap_or(&file).to_string_lossy().as_bytes());
        hash.update(std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?);
    }
    let compose = project.infra().join("compose.yaml");
    let compose = std::fs::read_to_string(&compose).with_context(|| format!("cannot read {}", compose.display()))?;
    compose.lines().filter(|line| line.contains("_IMAGE:-")).for_each(|line| hash.update(line));
    base::local_tags(project)?.values().for_each(|tag| hash.update(tag));
    Ok(Some(hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()))
}
