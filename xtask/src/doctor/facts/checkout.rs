//! What doctor asks of the checkout: git, the toolchain, who may read and write.

use std::path::{Path, PathBuf};

use super::ask::{Ask, Known, answer};
use crate::process::{Invocation, Output};
use crate::project::Project;
use crate::secrets::file;

/// The checkout, whatever its environment says.
#[derive(Clone, Debug)]
pub(crate) struct Checkout {
    /// Paths for secrets that git would add; nothing outside a git checkout.
    pub(crate) exposed: Option<Vec<String>>,
    /// Files of secrets that git has.
    pub(crate) committed: Known<Vec<String>>,
    /// The directory of secrets, where others on this machine can read it.
    pub(crate) open: Option<String>,
    /// Directories that cannot be written.
    pub(crate) unwritable: Vec<PathBuf>,
    /// The pinned Rust version.
    pub(crate) pinned: Option<String>,
    /// The Rust version that answers in the checkout.
    pub(crate) rust: Known<String>,
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
            let listed = git(&["ls-files", "--", "infra/secrets", "infra/env/*.override.toml"]);
            let listed = scope.spawn(move || ask.output(&listed));
            let rust = ask.read(&Invocation::new("rustc").arg("--version").dir(root));
            Self {
                exposed: answer(ignored).ok().and_then(|output| exposed(&output, &secret)),
                committed: answer(listed).map(|output| committed(&output)),
                open: file::is_open(&root.join(&directory)).then_some(directory),
                unwritable: [root.clone(), root.join("target")].into_iter().filter(|dir| !writable(dir)).collect(),
                pinned: pinned(root),
                rust: rust.map(|text| text.split_whitespace().nth(1).unwrap_or_default().to_owned()),
            }
        })
    }
}

/// Which of `paths` git would add: `git check-ignore` names the others, and ends with more than 1 outside a checkout.
fn exposed(output: &Output, paths: &[String]) -> Option<Vec<String>> {
    let ignored = |path: &&String| output.stdout.lines().any(|line| line == path.as_str());
    matches!(output.code, 0 | 1).then(|| paths.iter().filter(|path| !ignored(path)).cloned().collect())
}

/// The files that `git ls-files` names; none outside a checkout.
fn committed(output: &Output) -> Vec<String> {
    output.stdout.lines().filter(|path| *path != "infra/secrets/README.md").map(str::to_owned).collect()
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
    fn what_is_not_there_yet_is_judged_by_what_it_would_be_made_in() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        assert!(writable(dir.path()) && writable(&dir.path().join("a/b")));
        assert!(!writable(Path::new("/proc/1/nowhere")), "nobody makes files there");
        std::fs::write(dir.path().join("file"), "").expect("written");
        assert!(!writable(&dir.path().join("file/below")), "nothing is below a file");
    }
}
