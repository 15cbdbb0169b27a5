//! What doctor asks of the checkout: git, the toolchain, who may read and write.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::ask::{Ask, Known, LATE, answer};
use crate::config::hidden::{is_hidden, is_secret_name};
use crate::config::layers::leaves;
use crate::process::{Invocation, Output};
use crate::project::Project;
use crate::secrets::file;

/// The checkout, whatever its environment says.
#[derive(Clone, Debug)]
pub(crate) struct Checkout {
    /// Paths for secrets that git would add; nothing outside a git checkout.
    pub(crate) exposed: Known<Option<Vec<String>>>,
    /// Files of secrets that git has.
    pub(crate) committed: Known<Vec<String>>,
    /// Files of secrets that its history has, of every branch.
    pub(crate) past: Known<Vec<Past>>,
    /// The directory of secrets, where others on this machine can read it.
    pub(crate) open: Option<String>,
    /// The settings that git does not have, where they are secret and others on this machine can read or write them.
    pub(crate) open_override: Option<String>,
    /// Files of secrets that the services' users cannot read.
    pub(crate) closed: Vec<String>,
    /// Directories that cannot be written.
    pub(crate) unwritable: Vec<PathBuf>,
    /// The pinned Rust version.
    pub(crate) pinned: Option<String>,
    /// The Rust version that answers in the checkout.
    pub(crate) rust: Known<String>,
}

/// A file of secrets that git had once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Past {
    /// Its path then.
    pub(crate) path: String,
    /// A file of secrets that is there now has the same content.
    pub(crate) used: bool,
}

impl Checkout {
    /// Asks git and the toolchain, and looks at modes.
    pub(super) fn find(ask: Ask, project: &Project) -> Self {
        let Project { root, environment, .. } = project;
        let secret = [format!("infra/secrets/{environment}/any"), format!("infra/env/{environment}.override.toml")];
        let git = |args: &[&str]| Invocation::new("git").args(args.iter().copied()).dir(root);
        let directory = format!("infra/secrets/{environment}");
        std::thread::scope(|scope| {
            let ignored = git(&["check-ignore"]).args(secret.clone());
            let ignored = scope.spawn(move || ask.output(&ignored));
            let listed = git(&["ls-files", "--"]).args(SECRETS);
            let listed = scope.spawn(move || ask.output(&listed));
            let had = git(&["log", "--all", "--format=", "--raw", "--no-abbrev", "--no-renames", "--diff-filter=AM", "--"]).args(SECRETS);
            let had = scope.spawn(move || ask.output(&had));
            let present = scope.spawn(|| match files(&project.infra()) {
                files if files.is_empty() => Ok(String::new()),
                files => ask.read(&git(&["hash-object", "--no-filters", "--"]).args(files)),
            });
            let rust = ask.read(&Invocation::new("rustc").arg("--version").dir(root));
            Self {
                exposed: ignored_by(answer(ignored)).map(|output| output.and_then(|output| exposed(&output, &secret))),
                committed: answer(listed).map(|output| committed(&output)),
                past: answer(had).and_then(|had| Ok(past(&had.stdout, &answer(present)?))),
                closed: closed(root, &directory),
                open: file::is_open(&root.join(&directory)).then_some(directory),
                open_override: Some(&secret[1]).filter(|path| file::is_open(&root.join(path)) && has_secrets(project)).cloned(),
                unwritable: [root.clone(), root.join("target")].into_iter().filter(|dir| !writable(dir)).collect(),
                pinned: pinned(root),
                rust: rust.map(|text| text.split_whitespace().nth(1).unwrap_or_default().to_owned()),
            }
        })
    }
}

/// Where secrets are.
const SECRETS: [&str; 2] = ["infra/secrets", "infra/env/*.override.toml"];
/// What is there beside them.
const README: &str = "infra/secrets/README.md";

/// The files of secrets below `infra`, of every environment.
fn files(infra: &Path) -> Vec<String> {
    let list = |directory: &Path| std::fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    let secrets = list(&infra.join("secrets")).flat_map(|directory| list(&directory).collect::<Vec<_>>());
    let overrides = list(&infra.join("env")).filter(|path| path.to_string_lossy().ends_with(".override.toml"));
    secrets.chain(overrides).filter(|path| path.is_file()).map(|path| path.display().to_string()).collect()
}

/// The files that `git log --raw` names, and whether the content of one of them is among `present`, lines of what git calls a content.
fn past(log: &str, present: &str) -> Vec<Past> {
    let present: BTreeSet<&str> = present.lines().collect();
    let mut used: BTreeMap<&str, bool> = BTreeMap::new();
    for (change, path) in log.lines().filter_map(|line| line.split_once('\t')).filter(|(_, path)| *path != README) {
        *used.entry(path).or_default() |= change.split_whitespace().nth(3).is_some_and(|content| present.contains(content));
    }
    used.into_iter().map(|(path, used)| Past { path: path.to_owned(), used }).collect()
}

/// The files in `directory` of `root` that the services' users cannot read.
fn closed(root: &Path, directory: &str) -> Vec<String> {
    let names = std::fs::read_dir(root.join(directory)).into_iter().flatten().flatten();
    let closed = names.filter(|entry| entry.path().is_file() && file::is_closed(&entry.path()));
    let mut closed: Vec<String> = closed.map(|entry| format!("{directory}/{}", entry.file_name().to_string_lossy())).collect();
    closed.sort();
    closed
}

/// Whether the settings that git does not have are such that nobody is shown them.
fn has_secrets(project: &Project) -> bool {
    let path = project.infra().join("env").join(format!("{}.override.toml", project.environment));
    // What cannot be read as settings may be anything.
    let Some(table) = std::fs::read_to_string(path).ok().and_then(|text| toml::from_str::<toml::Table>(&text).ok()) else { return true };
    leaves(&table)
        .into_iter()
        .any(|(key, value)| is_hidden(&key, &value) || is_secret_name(&key) && value.as_str().is_some_and(|text| !text.is_empty()))
}

/// What `git check-ignore` said; nothing where there is no git.
fn ignored_by(output: Known<Output>) -> Known<Option<Output>> {
    match output {
        Err(why) if !why.ends_with(LATE) => Ok(None),
        output => output.map(Some),
    }
}

/// Which of `paths` git would add: `git check-ignore` names the others, and ends with more than 1 outside a checkout.
fn exposed(output: &Output, paths: &[String]) -> Option<Vec<String>> {
    let ignored = |path: &&String| output.stdout.lines().any(|line| line == path.as_str());
    matches!(output.code, 0 | 1).then(|| paths.iter().filter(|path| !ignored(path)).cloned().collect())
}

/// The files that `git ls-files` names; none outside a checkout.
fn committed(output: &Output) -> Vec<String> {
    output.stdout.lines().filter(|path| *path != README).map(str::to_owned).collect()
}

/// Whether the directory `path`, or what it would be made in, can be written.
pub(super) fn writable(path: &Path) -> bool {
    let there = path.ancestors().find(|path| path.exists());
    there.is_some_and(|path| path.is_dir() && rustix::fs::access(path, rustix::fs::Access::WRITE_OK).is_ok())
}

fn pinned(root: &Path) -> Option<String> {
    let text = std::fs::read_to_string(root.join("rust-toolchain.toml")).ok()?;
    let table: toml::Table = toml::from_str(&text).ok()?;
    Some(table.get("toolchain")?.get("channel")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(code: i32, stdout: &str) -> Output {
        Output { code, stdout: stdout.to_owned(), stderr: String::new() }
    }

    #[test]
    fn the_pinned_toolchain_is_read() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        assert_eq!(pinned(dir.path()), None);
        std::fs::write(dir.path().join("rust-toolchain.toml"), "[toolchain]\nchannel = \"1.95.0\"\n").expect("written");
        assert_eq!(pinned(dir.path()), Some("1.95.0".to_owned()));
    }

    #[test]
    fn what_git_would_add_is_what_it_does_not_name() {
        let paths = ["infra/secrets/local/any", "infra/env/local.override.toml"].map(str::to_owned);
        assert_eq!(exposed(&output(0, "infra/secrets/local/any\n"), &paths), Some(vec![paths[1].clone()]));
        assert_eq!(exposed(&output(1, ""), &paths), Some(paths.to_vec()));
        assert_eq!(exposed(&output(128, ""), &paths), None);
        assert_eq!(committed(&output(0, "infra/secrets/README.md\ninfra/secrets/local/key\n")), ["infra/secrets/local/key"]);
    }

    #[test]
    #[cfg(unix)]
    fn who_cannot_read_a_secret_and_who_should_not_is_seen_by_modes() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let project = Project::new(dir.path().to_owned(), "local", None).expect("valid names");
        let (secrets, settings) = (dir.path().join("infra/secrets/local"), dir.path().join("infra/env/local.override.toml"));
        for directory in [&secrets, &dir.path().join("infra/env")] {
            std::fs::create_dir_all(directory).expect("created");
        }
        let find = || Checkout::find(Ask::for_at_most(std::time::Duration::from_secs(60)), &project);
        for (name, mode) in [("a", 0o644), ("b", 0o600), ("c", 0o640)] {
            std::fs::write(secrets.join(name), "x").expect("written");
            file::mode(&secrets.join(name), mode).expect("set");
        }
        assert_eq!(find().closed, ["infra/secrets/local/b", "infra/secrets/local/c"]);
        for (text, mode, open) in [
            ("[notify]\nwebhook = \"https://a\"\n", 0o644, true),
            ("[variables]\nMAP_TOKEN = \"a\"\n", 0o660, true),
            ("[variables]\nMAP_TOKEN = \"a\"\n", 0o600, false),
            ("[proxy]\nport = 1\n", 0o644, false),
        ] {
            std::fs::write(&settings, text).expect("written");
            file::mode(&settings, mode).expect("set");
            assert_eq!(find().open_override.is_some(), open, "{text} {mode:o}");
        }
    }

    #[test]
    fn a_git_that_hangs_is_not_known_and_none_is_no_checkout() {
        assert_eq!(ignored_by(Err("cannot run `git`".to_owned())).map(|output| output.is_some()), Ok(false));
        let late = format!("`git check-ignore` {LATE}");
        assert_eq!(ignored_by(Err(late.clone())).map(|output| output.is_some()), Err(late));
    }

    #[test]
    fn the_history_of_every_branch_is_looked_at_and_what_is_there_now() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let root = dir.path();
        let write = |path: &str, text: &str| {
            std::fs::create_dir_all(root.join(path).with_file_name("")).expect("created");
            std::fs::write(root.join(path), text).expect("written");
        };
        let git = |line: &str| {
            let known = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "core.hooksPath=/dev/null"];
            Invocation::new("git").args(known).args(line.split(' ')).dir(root).read().expect("git")
        };
        let project = Project::new(root.to_owned(), "local", None).expect("valid names");
        let past = || Checkout::find(Ask::for_at_most(std::time::Duration::from_secs(60)), &project).past;
        git("init --quiet");
        assert_eq!(past(), Ok(Vec::new()), "nothing was ever committed");
        for (path, text) in
            [(README, "words"), ("infra/secrets/local/key", "old"), ("infra/env/a.override.toml", "x = 1"), ("other", "old")]
        {
            write(path, text);
        }
        git("add --force .");
        git("commit --quiet --message all");
        git("checkout --quiet -b later");
        write("infra/secrets/local/key", "newer");
        git("commit --quiet --all --message newer");
        git("checkout --quiet -b last");
        git("rm --quiet -r infra");
        git("commit --quiet --message none");
        let found = |used| {
            let found = [("infra/env/a.override.toml", false), ("infra/secrets/local/key", used)];
            Ok(found.map(|(path, used)| Past { path: path.to_owned(), used }).to_vec())
        };
        assert_eq!(past(), found(false));
        write("infra/secrets/production/key", "newer");
        assert_eq!(past(), found(true), "whatever it is called now");
    }

    #[test]
    fn what_is_not_there_yet_is_judged_by_what_it_would_be_made_in() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        assert!(writable(dir.path()) && writable(&dir.path().join("a/b")));
        assert!(!writable(Path::new("/proc/1/nowhere")), "nobody makes files there");
        std::fs::write(dir.path().join("file"), "").expect("written");
        assert!(!writable(&dir.path().join("file/below")), "nothing is below a file");
    }
}
