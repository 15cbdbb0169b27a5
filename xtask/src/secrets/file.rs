//! The files of secrets: how they are written, and who may read them.

use std::path::Path;

use anyhow::Context as _;

/// A strong value: 192 random bits as hexadecimal digits, which need no quoting anywhere.
///
/// # Errors
/// When the system gives no random bytes.
pub(crate) fn random() -> anyhow::Result<String> {
    let mut bytes = [0; 24];
    getrandom::fill(&mut bytes).map_err(|error| anyhow::anyhow!("the system gives no random bytes: {error}"))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Writes `value` into `file`. A file that is there stays the same file: containers have it mounted, and would go on seeing the old one.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn write(file: &Path, value: &str) -> anyhow::Result<()> {
    let dir = file.parent().context("a secret's path has a directory")?;
    std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    // The directory keeps others out; the file itself is mounted into containers whose user is another one than ours, and must be readable there.
    mode(dir, 0o700)?;
    std::fs::write(file, format!("{}\n", value.trim_end())).with_context(|| format!("cannot write {}", file.display()))?;
    mode(file, 0o644)
}

/// Whether other users of this machine can get at `path`, or at the files in it.
pub(crate) fn is_open(path: &Path) -> bool {
    has_mode(path, |mode| mode & 0o077 != 0)
}

/// Whether the users of services, who are others than ours, cannot read `file`.
pub(crate) fn is_closed(file: &Path) -> bool {
    has_mode(file, |mode| mode & 0o004 == 0)
}

/// Whether `path` is there with a mode that `is`; never where there are no modes.
#[cfg(unix)]
fn has_mode(path: &Path, is: impl FnOnce(u32) -> bool) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|metadata| is(metadata.permissions().mode()))
}

#[cfg(not(unix))]
fn has_mode(_path: &Path, _is: impl FnOnce(u32) -> bool) -> bool {
    false
}

/// Sets who may read and write `path`.
///
/// # Errors
/// When the system refuses.
#[cfg(unix)]
pub(crate) fn mode(path: &Path, mode: u32) -> anyhow::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
        .with_context(|| format!("cannot set the permissions of {}", path.display()))
}

#[cfg(not(unix))]
pub(crate) fn mode(_path: &Path, _mode: u32) -> anyhow::Result<()> {
    Ok(())
}
