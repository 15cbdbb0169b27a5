//! One file for a bug report: what doctor found, and what whoever reads it would ask for next. Nothing secret is in it.

mod parts;

use std::path::{Path, PathBuf};

use anyhow::Context as _;

use self::parts::Part;
use super::Report;
use crate::process::Invocation;
use crate::project::Project;
use crate::redact::Redactor;
use crate::report::Failure;
use crate::secrets;

/// A file that was written.
#[derive(Debug)]
pub(crate) struct Bundle {
    /// Where it is.
    pub(crate) file: PathBuf,
    /// What is in it: a name and what that is.
    pub(crate) contents: Vec<(String, &'static str)>,
}

/// Writes what is known of the stack of `project`, with doctor's `report`, into `file`. `program` is this program.
///
/// # Errors
/// When the file is there already, or cannot be written.
pub(crate) fn write(project: &Project, report: &Report, program: &str, file: Option<PathBuf>) -> anyhow::Result<Bundle> {
    let name = format!("{}-doctor-{}", project.compose_name(), backup::time::stamp(backup::time::now()));
    let file = file.unwrap_or_else(|| PathBuf::from(format!("{name}.tar.gz")));
    let (parts, model) = parts::gather(project, serde_json::to_string_pretty(report)?, program);
    let redactor = Redactor::of(project, model.as_ref());
    reserve(&file)?;
    let work = project.root.join("target");
    let packed = fill(&work.join(&name), &parts, &redactor).and_then(|()| pack(&work, &name, &file));
    // What was to be packed is of no use any more, whether or not it was.
    let _ = std::fs::remove_dir_all(work.join(&name));
    if packed.is_err() {
        let _ = std::fs::remove_file(&file);
    }
    packed?;
    Ok(Bundle { file, contents: parts.into_iter().map(|part| (part.name, part.what)).collect() })
}

/// Makes an empty file that nobody else reads.
fn reserve(file: &Path) -> anyhow::Result<()> {
    let mut options = std::fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(file) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(Failure::new(format!("{} is there already", file.display())).hint("name another file, or remove that one").into())
        }
        Err(error) => Err(Failure::new(format!("cannot write {}: {error}", file.display()))
            .hint("`--bundle FILE` names a file in a directory that is there")
            .into()),
    }
}

fn fill(directory: &Path, parts: &[Part], redactor: &Redactor) -> anyhow::Result<()> {
    std::fs::create_dir_all(directory).with_context(|| format!("cannot create {}", directory.display()))?;
    secrets::file::mode(directory, 0o700)?;
    for part in parts {
        let path = directory.join(&part.name);
        let place = || format!("cannot write {}", path.display());
        std::fs::create_dir_all(path.parent().unwrap_or(directory)).with_context(place)?;
        std::fs::write(&path, redactor.redact(&part.text)).with_context(place)?;
    }
    Ok(())
}

fn pack(directory: &Path, name: &str, file: &Path) -> anyhow::Result<()> {
    let here = std::env::current_dir()?.join(file);
    let tar = Invocation::new("tar").args(["--create", "--gzip", "--file"]).arg(here.display().to_string());
    tar.arg("--directory").arg(directory.display().to_string()).arg(name).read().map(drop)
}
