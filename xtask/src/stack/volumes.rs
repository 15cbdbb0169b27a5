//! Which volumes a stack had after its last start. One that is gone since was removed by another hand, with its data, and a start would make an empty one
//! in its place.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::Context as _;

use crate::commands;
use crate::project::Project;

/// Where the names are: beside what cargo builds. Where that is removed, nothing is known of a last start.
pub(crate) fn path(project: &Project) -> PathBuf {
    project.root.join("target").join(format!("{}.volumes", project.compose_name()))
}

/// Remembers the volumes of `project`.
///
/// # Errors
/// When the engine does not answer or the names cannot be written.
pub(crate) fn remember(project: &Project) -> anyhow::Result<()> {
    let path = path(project);
    let now = commands::engine::volumes(&project.compose_name()).read()?;
    std::fs::create_dir_all(path.with_file_name(""))
        .and_then(|()| std::fs::write(&path, now))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// Forgets them: they are removed on purpose.
pub(crate) fn forget(project: &Project) {
    // Where it stays, one warning is said too many.
    let _ = std::fs::remove_file(path(project));
}

/// Those of the volumes `used` that were there after the last start of `project` and are gone.
///
/// # Errors
/// When the engine does not answer.
pub(crate) fn gone(project: &Project, used: &BTreeSet<&str>) -> anyhow::Result<Vec<String>> {
    let Ok(known) = std::fs::read_to_string(path(project)) else { return Ok(Vec::new()) };
    let now = commands::engine::volumes(&project.compose_name()).read()?;
    let is_there = |name: &str| now.lines().any(|line| line == name);
    Ok(known.lines().filter(|name| used.contains(name) && !is_there(name)).map(str::to_owned).collect())
}
