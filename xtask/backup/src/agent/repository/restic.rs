//! The program: where its repository is, how it gets its key and credentials, and what becomes of its answers. Nothing secret stands in its arguments.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, lchown};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use backup::Repository;

use super::said;
use crate::agent::failure::Failure;
use crate::agent::place::Place;
use crate::agent::process::{Ended, Program};
use crate::agent::psql::secret;
use crate::agent::talk;

/// Where a repository that is a directory is mounted.
const MOUNTED: &str = "/repository";
/// What restic makes in a repository that is a directory.
const OWN_ENTRIES: [&str; 6] = ["config", "data", "index", "keys", "locks", "snapshots"];
/// What some file systems have at their root.
const LOST_AND_FOUND: &str = "lost+found";
/// How often it says how far it is, each second.
const UPDATES: &str = "5";

/// Restic at one repository.
pub(super) struct Restic<'a> {
    /// What is where in the container.
    pub(super) place: &'a Place,
    /// The repository, as people know it.
    pub(super) address: &'a str,
    mounted: bool,
    variables: Vec<(String, String)>,
    options: Vec<String>,
}

impl<'a> Restic<'a> {
    /// At `repository`, with the secrets that are mounted.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub(crate) fn at(place: &'a Place, repository: &'a Repository) -> anyhow::Result<Self> {
        let Repository { address, mounted } = repository;
        let password = secret("BACKUP_REST_PASSWORD_FILE")?;
        let (reached, user) = match password {
            _ if *mounted => (MOUNTED.to_owned(), None),
            Some(_) => without_user(address),
            None => (address.clone(), None),
        };
        let mut variables = vec![
            ("RESTIC_REPOSITORY".to_owned(), reached),
            ("RESTIC_PROGRESS_FPS".to_owned(), UPDATES.to_owned()),
            // Memory is what /tmp has.
            ("TMPDIR".to_owned(), place.work().display().to_string()),
        ];
        if let (Some(user), Some(password)) = (user, password) {
            variables.extend([("RESTIC_REST_USERNAME".to_owned(), user), ("RESTIC_REST_PASSWORD".to_owned(), password)]);
        }
        for (file, variable) in [("BACKUP_S3_KEY_ID_FILE", "AWS_ACCESS_KEY_ID"), ("BACKUP_S3_SECRET_FILE", "AWS_SECRET_ACCESS_KEY")] {
            variables.extend(secret(file)?.map(|value| (variable.to_owned(), value)));
        }
        // What is far away is not asked twice; what is on this machine is not stored twice.
        let mut options = if *mounted {
            vec!["--no-cache".to_owned()]
        } else {
            vec![format!("--cache-dir={}", cache(place).display()), "--cleanup-cache".to_owned()]
        };
        if let Some(key) = secret("BACKUP_SSH_KEY_FILE")? {
            options.extend(["--option".to_owned(), format!("sftp.args={}", ssh(place, &key)?)]);
        }
        Ok(Self { place, address, mounted: *mounted, variables, options })
    }

    /// `restic` with `args`.
    pub(super) fn program<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Program {
        Program::new("restic").args(["--json"]).args(&self.options).args(args).envs(&self.variables).read()
    }

    /// Runs it; each line of stdout goes to `take`. Where a lock is in its way that a killed run of this stack left, that is removed first.
    ///
    /// # Errors
    /// When it cannot be run, or `take` fails.
    pub(super) fn lines(&self, args: &[&str], mut take: impl FnMut(&str) -> anyhow::Result<()>) -> anyhow::Result<Ended> {
        let ended = self.once(args, &mut take)?;
        // (What removes locks takes none.)
        if ended.code == Some(said::LOCKED) && self.find()? { self.once(args, &mut take) } else { Ok(ended) }
    }

    fn once(&self, args: &[&str], take: &mut impl FnMut(&str) -> anyhow::Result<()>) -> anyhow::Result<Ended> {
        let mut child = self.program(args).start()?;
        let mut stdout = BufReader::new(child.stdout()?);
        let mut line = String::new();
        while stdout.read_line(&mut line).context("cannot read what restic says")? > 0 {
            take(line.trim_end_matches('\n'))?;
            line.clear();
        }
        child.end()
    }

    /// Runs it; returns its end and what it wrote to stdout.
    ///
    /// # Errors
    /// When it cannot be run.
    pub(super) fn output(&self, args: &[&str]) -> anyhow::Result<(Ended, String)> {
        let mut text = String::new();
        let ended = self.lines(args, |line| {
            text.push_str(line);
            text.push('\n');
            Ok(())
        })?;
        Ok((ended, text))
    }

    /// Runs it; returns what it wrote to stdout.
    ///
    /// # Errors
    /// When it fails.
    pub(super) fn read(&self, args: &[&str]) -> anyhow::Result<String> {
        let (ended, text) = self.output(args)?;
        if ended.code == Some(0) { Ok(text) } else { Err(said::failure(&ended, self.address).into()) }
    }

    /// Whether there is a repository that the key opens. Locks that a killed run of this stack left are removed.
    ///
    /// # Errors
    /// When it does not answer, or the key is another one.
    pub(super) fn find(&self) -> anyhow::Result<bool> {
        let (ended, locks) = self.output(&["list", "locks", "--no-lock"])?;
        match ended.code {
            Some(0) => self.clear(locks.split_whitespace()).map(|()| true),
            Some(said::ABSENT) => Ok(false),
            _ => Err(said::failure(&ended, self.address).into()),
        }
    }

    /// Whether there is a repository in a directory, and nobody at work in it: nobody was killed there either.
    pub(super) fn is_at_rest(&self) -> bool {
        let root = Path::new(MOUNTED);
        let nobody = || root.join("locks").read_dir().is_ok_and(|mut locks| locks.next().is_none());
        self.mounted && root.join("config").is_file() && nobody()
    }

    /// Makes the repository.
    ///
    /// # Errors
    /// When that is not possible.
    pub(super) fn init(&self) -> anyhow::Result<()> {
        if self.mounted {
            let entries = Path::new(MOUNTED).read_dir().with_context(|| format!("cannot read {}", self.address))?;
            let mut others = entries.flatten().filter(|entry| entry.file_name() != LOST_AND_FOUND);
            ensure!(
                others.next().is_none(),
                Failure::new(format!("{} is no repository of backups, and not empty", self.address))
                    .detail("nothing was written there: a repository has its directory to itself")
                    .hint("let `backup.repository` name an empty directory, or one that is not there yet")
            );
        }
        talk::step(format!("making the repository {}", self.address));
        self.read(&["init"])?;
        talk::warn(
            "without the secret `backup_key` nobody can read the repository: keep a copy of it where a loss of this machine leaves it",
        );
        Ok(())
    }

    /// Gives what was written to the owner of the directory that it is in: the agent is root, they are not. Some file systems know no owners.
    pub(super) fn give(&self) {
        let root = if self.mounted { PathBuf::from(MOUNTED) } else { cache(self.place) };
        if !self.mounted {
            let _ = self.place.give(&root);
        }
        if let Ok(owner) = root.metadata() {
            // Whatever else is there belongs to somebody.
            let own = |name: &&str| !self.mounted || OWN_ENTRIES.contains(name);
            let entries: Vec<_> = root.read_dir().into_iter().flatten().flatten().collect();
            for entry in entries.iter().filter(|entry| entry.file_name().to_str().as_ref().is_some_and(own)) {
                give_all(&entry.path(), owner.uid(), owner.gid());
            }
        }
    }
}

/// An address without the user in it, and the user: restic takes a password from a variable only where the address says nobody.
fn without_user(address: &str) -> (String, Option<String>) {
    let parts = address.split_once("//").and_then(|(scheme, rest)| {
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let (user, host) = authority.rsplit_once('@')?;
        Some((format!("{scheme}//{host}{path}"), Some(user.to_owned())))
    });
    parts.unwrap_or_else(|| (address.to_owned(), None))
}

/// Where restic remembers what a repository far away has.
fn cache(place: &Place) -> PathBuf {
    place.backups.join(".cache")
}

/// Gives `path`, and what is in it, to somebody. Links are not followed.
fn give_all(path: &Path, uid: u32, gid: u32) {
    let Ok(metadata) = path.symlink_metadata() else { return };
    if (metadata.uid(), metadata.gid()) != (uid, gid) {
        let _ = lchown(path, Some(uid), Some(gid));
    }
    if metadata.is_dir() {
        path.read_dir().into_iter().flatten().flatten().for_each(|entry| give_all(&entry.path(), uid, gid));
    }
}

/// How ssh reaches the other machine: with a key that only root can read, and only if it is the machine that is known.
fn ssh(place: &Place, key: &str) -> anyhow::Result<String> {
    let hosts = std::env::var("BACKUP_SSH_KNOWN_HOSTS_FILE").context("BACKUP_SSH_KNOWN_HOSTS_FILE is not set for the backup service")?;
    let path = place.private.join("ssh-key");
    let unwritable = || format!("cannot write {}", path.display());
    let mut file = std::fs::File::options().write(true).create(true).truncate(true).mode(0o600).open(&path).with_context(unwritable)?;
    writeln!(file, "{key}").with_context(unwritable)?;
    Ok(format!(
        "-i {} -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=yes -o UserKnownHostsFile={hosts} -o ServerAliveInterval=30",
        path.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_told_apart_from_the_address() {
        let parts = |address: &str| without_user(address);
        assert_eq!(parts("rest:https://me@host:8000/a@b"), ("rest:https://host:8000/a@b".to_owned(), Some("me".to_owned())));
        assert_eq!(parts("rest:https://host/a@b"), ("rest:https://host/a@b".to_owned(), None));
        assert_eq!(parts("rest:https://me@host"), ("rest:https://host".to_owned(), Some("me".to_owned())));
    }
}
