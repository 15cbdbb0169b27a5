//! Where backups go: the directory of a stack, and the repository that it may have with its key; what the engine is told of them.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use backup::Repository;

use crate::data::store;
use crate::model::{Kind, Model};
use crate::report::Failure;
use crate::secrets;
use crate::stack::Stack;

/// Where the backups of `stack` are.
pub(crate) fn directory(stack: &Stack) -> PathBuf {
    stack.environment.backup.directory.at(&stack.project.root).join(stack.project.compose_name())
}

/// The repository that the backups of `stack` go into, if it has one.
pub(crate) fn repository(stack: &Stack) -> Option<Repository> {
    let repository = &stack.environment.backup.repository;
    Some(Repository { address: repository.address()?, mounted: repository.scheme().is_none() })
}

/// `path` as the engine takes it.
pub(super) fn mountable(path: &Path) -> Result<&str, Failure> {
    path.to_str().filter(|text| !text.contains(':') || cfg!(windows)).ok_or_else(|| {
        Failure::new(format!("the engine cannot mount {}: its path has a `:`, or is not Unicode", path.display())).hint("use another place")
    })
}

/// Whether `directory` can be a repository, or is one: the agent is root in it. `backups` is where files would go.
pub(super) fn check_place(directory: &Path, backups: &Path) -> Result<(), Failure> {
    let failure = |reason: &str| {
        Failure::new(format!("`backup.repository` names {}, which {reason}", directory.display()))
            .detail("a repository has its directory to itself")
            .hint("name an empty directory, or one that is not there yet; docs/backup-repository.md says more")
    };
    if backups.starts_with(directory) {
        return Err(failure("has the directory of backups in it"));
    }
    let names = match std::fs::read_dir(directory) {
        Ok(entries) => entries.flatten().map(|entry| entry.file_name()).collect::<Vec<_>>(),
        Err(error) if error.kind() == std::io::ErrorKind::NotADirectory => return Err(failure("is no directory")),
        // It is made, or the agent says why not.
        Err(_) => return Ok(()),
    };
    let has = |name: &str| names.iter().any(|other| other == name);
    let others = names.iter().any(|name| name != "lost+found");
    if others && !(has("config") && has("keys")) {
        return Err(failure("is not empty, and no repository"));
    }
    Ok(())
}

/// Makes the directory of backups, which nobody else looks into: the engine would make one that is root's.
///
/// # Errors
/// When it cannot be made.
pub(crate) fn prepare(directory: &Path) -> anyhow::Result<()> {
    let unusable = || format!("cannot make {}", directory.display());
    std::fs::create_dir_all(directory).map_err(|error| {
        Failure::new(format!("{}: {error}", unusable()))
            .hint("let `backup.directory`, or `backup.repository`, of this environment name a directory that can be made")
    })?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o700)).with_context(unusable)?;
    }
    Ok(())
}

/// Refuses to make another key for a repository that was made with one.
///
/// # Errors
/// When `stack`, whose compose model is `model`, has a repository that backups are known of, and not its key.
pub(crate) fn check_key(stack: &Stack, model: &Model) -> anyhow::Result<()> {
    let project = &stack.project;
    let Some(repository) = repository(stack) else { return Ok(()) };
    let secrets = secrets::of(project, model);
    let missing = |secret: &&secrets::Secret| secret.note.kind == Kind::Passphrase && !secret.file.exists();
    let Some(key) = secrets.iter().find(missing) else { return Ok(()) };
    let noted = store::list(&directory(stack))?
        .iter()
        .any(|backup| backup.manifest.repository.as_ref().is_some_and(|snapshot| snapshot.address == repository.address));
    let there = stack.environment.backup.repository.directory(&project.root);
    if !noted && !there.is_some_and(|directory| directory.join("config").exists()) {
        return Ok(());
    }
    Err(Failure::new(format!("the secret `{}` is missing, and the repository {} was made with one", key.name, repository.address))
        .detail(format!("only the same key opens it: {}", key.shown(project)))
        .hint(format!("`cargo xtask secrets rotate {}{} --yes <key` puts the copy that you kept into its place", key.name, project.flags()))
        .into())
}
