//! Programs on the volume that app containers share: every build in a file of its own, and a link to the one that is promoted.
use anyhow::{Context, bail};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// So many builds of a program are kept, besides the promoted one.
const KEPT: usize = 4;
const BUILDS: &str = ".builds";
/// What is not complete yet. One name for all: an interrupted copy is overwritten by the next one.
const INCOMING: &str = ".incoming";

/// The directory of programs.
#[derive(Debug, Clone)]
pub(super) struct Programs {
    out: PathBuf,
}

impl Programs {
    /// Programs in `out`, which is made if it is missing.
    pub(super) fn open(out: &Path) -> anyhow::Result<Self> {
        let cannot = || format!("`{}` cannot be written: mount a volume there that this user may write to", out.display());
        fs::create_dir_all(out.join(BUILDS)).with_context(cannot)?;
        Ok(Programs { out: fs::canonicalize(out).with_context(cannot)? })
    }

    /// Puts this very program there, for the containers that run programs.
    pub(super) fn put_reloader(&self) -> io::Result<()> {
        let incoming = self.incoming();
        fs::copy(std::env::current_exe()?, &incoming)?;
        fs::rename(incoming, self.out.join("reloader"))
    }

    /// Keeps a copy of `executable` as the newest build of `program`, if it is not that already. Returns the build and whether it is an old one.
    pub(super) fn take(&self, program: &str, executable: &Path) -> io::Result<(PathBuf, bool)> {
        let source = fs::metadata(executable)?;
        let builds = self.builds(program)?;
        if let Some((_, newest)) = builds.last_key_value() {
            let copy = fs::metadata(newest)?;
            // Not what cargo calls fresh: a build that was cancelled after linking leaves a program that was never copied.
            if copy.len() == source.len() && copy.modified()? == source.modified()? {
                return Ok((newest.clone(), true));
            }
        }
        let number = builds.last_key_value().map_or(1, |(newest, _)| newest + 1);
        let (incoming, build) = (self.incoming(), self.out.join(BUILDS).join(format!("{program}-{number}")));
        fs::copy(executable, &incoming)?;
        File::open(&incoming)?.set_modified(source.modified()?)?;
        fs::rename(incoming, &build)?;
        self.prune(program)?;
        Ok((build, false))
    }

    /// Makes `path` the build that `program` starts with. At no time there is none.
    pub(super) fn promote(&self, program: &str, path: &Path) -> anyhow::Result<()> {
        let builds = self.builds(program)?;
        if !builds.values().any(|build| build == path) {
            bail!("`{}` is no build of `{program}`; it may have been removed since: build again", path.display());
        }
        let name = path.file_name().context("a build has a name")?;
        let incoming = self.incoming();
        let _ = fs::remove_file(&incoming);
        symlink(Path::new(BUILDS).join(name), &incoming)?;
        fs::rename(incoming, self.out.join(program)).with_context(|| format!("`{program}` cannot be promoted"))
    }

    /// The promoted build of each program.
    pub(super) fn promoted(&self) -> BTreeMap<String, PathBuf> {
        let entries = fs::read_dir(&self.out).into_iter().flatten().flatten();
        let linked = entries.filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            let build = self.out.join(fs::read_link(entry.path()).ok()?);
            build.exists().then_some((name, build))
        });
        linked.collect()
    }

    /// The builds of a program by their numbers.
    fn builds(&self, program: &str) -> io::Result<BTreeMap<u64, PathBuf>> {
        let mut builds = BTreeMap::new();
        for entry in fs::read_dir(self.out.join(BUILDS))? {
            let entry = entry?;
            let name = entry.file_name();
            let number = name.to_str().and_then(|name| name.strip_prefix(program)?.strip_prefix('-')?.parse().ok());
            if let Some(number) = number {
                builds.insert(number, entry.path());
            }
        }
        Ok(builds)
    }

    fn prune(&self, program: &str) -> io::Result<()> {
        let promoted = self.promoted();
        for (_, old) in self.builds(program)?.into_iter().rev().skip(KEPT) {
            if promoted.values().all(|build| *build != old) {
                fs::remove_file(old)?;
            }
        }
        Ok(())
    }

    fn incoming(&self) -> PathBuf {
        self.out.join(BUILDS).join(INCOMING)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, SystemTime};

    /// An executable that was linked so many seconds ago.
    fn link(directory: &Path, text: &str, age: u64) -> PathBuf {
        let path = directory.join("linked");
        fs::write(&path, text).unwrap();
        File::open(&path).unwrap().set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
        path
    }

    fn names(programs: &Programs) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(programs.out.join(BUILDS)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn builds_are_numbered_on_and_old_ones_go() {
        let directory = tempfile::tempdir().unwrap();
        let programs = Programs::open(&directory.path().join("out")).unwrap();
        let (first, fresh) = programs.take("web", &link(directory.path(), "one", 100)).unwrap();
        assert!(!fresh && first.ends_with(".builds/web-1"));
        programs.promote("web", &first).unwrap();
        programs.take("web-admin", &link(directory.path(), "another", 100)).unwrap();
        for age in 1..=6 {
            // A copy that was interrupted is no build.
            fs::write(programs.incoming(), "half").unwrap();
            programs.take("web", &link(directory.path(), "later", age)).unwrap();
        }
        assert_eq!(names(&programs), ["web-1", "web-4", "web-5", "web-6", "web-7", "web-admin-1"]);

        // Over a restart, too.
        let programs = Programs::open(&directory.path().join("out")).unwrap();
        let newest = programs.out.join(".builds/web-7");
        let executable = directory.path().join("linked");
        assert_eq!(programs.take("web", &executable).unwrap(), (newest.clone(), true));
        assert!(programs.take("web", &link(directory.path(), "later", 90)).unwrap().0.ends_with("web-8"));
        programs.promote("web", &newest).unwrap();
        assert_eq!(programs.promoted(), BTreeMap::from([("web".to_owned(), newest)]));
        assert_eq!(fs::read_to_string(programs.out.join("web")).unwrap(), "later");
    }

    #[test]
    fn only_builds_are_promoted() {
        let directory = tempfile::tempdir().unwrap();
        let programs = Programs::open(directory.path()).unwrap();
        let (build, _) = programs.take("web", &link(directory.path(), "one", 1)).unwrap();
        for (program, path) in [("web", PathBuf::from("/etc/passwd")), ("web", build.with_file_name("web-2")), ("../web", build.clone())] {
            let error = programs.promote(program, &path).unwrap_err().to_string();
            assert!(error.contains("is no build of"), "{error}");
        }
        assert!(programs.promoted().is_empty());
    }
}
