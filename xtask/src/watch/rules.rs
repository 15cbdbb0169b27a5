//! Which paths belong to the working tree: all that git tracks or would not ignore, and what rules for edits name all the same.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ignore::gitignore::gitconfig_excludes_path;
use ignore::{IncrementalIgnore, WalkBuilder};

use super::git::Repository;

/// Whether a path that git ignores is of interest all the same; of a directory, whether something in it may be.
#[derive(Clone)]
pub(crate) struct Wanted(Arc<Wants>);

type Wants = dyn Fn(&Path, bool) -> bool + Send + Sync;

impl Wanted {
    /// What `wants` says of a path (relative to the root) that is a directory or a file.
    pub(crate) fn new(wants: impl Fn(&Path, bool) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(wants))
    }
}

impl Default for Wanted {
    fn default() -> Self {
        Self::new(|_, _| false)
    }
}

impl std::fmt::Debug for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wanted").finish_non_exhaustive()
    }
}

/// The rules of every `.gitignore`, of `.git/info/exclude` and of the user's own list, as they were when first asked about a directory.
pub(super) struct Rules {
    matcher: Option<IncrementalIgnore>,
    /// Files that git tracks although these rules would ignore them, and the directories that lead to them.
    tracked: BTreeSet<PathBuf>,
    ways: BTreeSet<PathBuf>,
    wanted: Wanted,
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rules").field("tracked", &self.tracked).finish_non_exhaustive()
    }
}

impl Rules {
    /// The rules of the tree at `root`. A tree without git, as an unpacked archive, keeps its `.gitignore`s.
    pub(super) fn read(root: &Path, repository: Option<&Repository>, wanted: Wanted) -> Self {
        let files = repository.map(|repository| repository.tracked(root)).unwrap_or_default();
        // Rules above a checkout are not its own: it may be inside a directory that another one ignores. Where that one tracks it, it is a part of that one.
        let checkout = root.join(".git").exists() || !files.is_empty();
        let mut builder = WalkBuilder::new(root);
        builder.hidden(false).ignore(false).require_git(checkout).parents(checkout).current_dir(root);
        let mut rules = Self { matcher: builder.build_matchers().pop(), tracked: BTreeSet::new(), ways: BTreeSet::new(), wanted };
        rules.track(files);
        rules
    }

    /// Takes in that git tracks `files`, and says whether that changes what is watched.
    pub(super) fn track(&mut self, files: BTreeSet<PathBuf>) -> bool {
        let tracked: BTreeSet<PathBuf> = files.into_iter().filter(|path| self.ignores(path, false)).collect();
        if tracked == self.tracked {
            return false;
        }
        let above = |path: &PathBuf| path.ancestors().skip(1).map(Path::to_owned).collect::<Vec<_>>();
        self.ways = tracked.iter().flat_map(above).collect();
        self.tracked = tracked;
        true
    }

    fn ignores(&mut self, path: &Path, directory: bool) -> bool {
        self.matcher.as_mut().is_some_and(|matcher| matcher.matched(path, directory).is_ignore())
    }

    /// Whether `path`, relative to the root, is watched.
    pub(super) fn keep(&mut self, path: &Path, directory: bool) -> bool {
        !is_of_git(path) && (self.is_in_tree(path, directory) || (self.wanted.0)(path, directory))
    }

    /// Whether `path` is watched although it is no part of what git has or would have.
    pub(super) fn only_wanted(&mut self, path: &Path) -> bool {
        !self.is_in_tree(path, false)
    }

    fn is_in_tree(&mut self, path: &Path, directory: bool) -> bool {
        !self.ignores(path, directory) || if directory { self.ways.contains(path) } else { self.tracked.contains(path) }
    }
}

fn is_of_git(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == ".git")
}

/// The files outside the tree at `root` that say what is ignored in it.
pub(super) fn outside(root: &Path, repository: &Repository) -> Vec<PathBuf> {
    let above = root.ancestors().skip(1).filter(|_| repository.is_bigger_than(root)).map(|directory| directory.join(".gitignore"));
    above.chain([repository.excludes()]).chain(gitconfig_excludes_path()).collect()
}

/// Whether a change of `path` changes the rules.
pub(super) fn is_rule(path: &Path) -> bool {
    path.file_name() == Some(OsStr::new(".gitignore"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, path: &str, text: &str) {
        let path = root.join(path);
        std::fs::create_dir_all(path.with_file_name("")).expect("created");
        std::fs::write(path, text).expect("written");
    }

    fn kept<'a>(root: &Path, paths: &[&'a str]) -> Vec<&'a str> {
        let mut rules = Rules::read(root, Repository::find(root).as_ref(), Wanted::default());
        paths.iter().copied().filter(|path| rules.keep(Path::new(path.trim_end_matches('/')), path.ends_with('/'))).collect()
    }

    #[test]
    fn the_rules_of_git_hold() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path();
        write(root, ".git/info/exclude", "notes\n");
        write(root, ".gitignore", "/target/\n*.log\n/secrets/*\n!/secrets/README.md\n");
        write(root, "app/.gitignore", "!kept.log\ngenerated/\n");
        let paths = [
            "src/main.rs",
            ".env",
            ".gitignore",
            "target/",
            "target/debug/deps/",
            "target/debug/x.d",
            "app/target/",
            "x.log",
            "app/x.log",
            "app/kept.log",
            "app/generated/",
            "app/generated/x.rs",
            "app/generated",
            "secrets/key",
            "secrets/README.md",
            "notes",
            "app/notes",
            ".git/",
            ".git/HEAD",
            "sub/.git",
            ".github/workflow.yml",
        ];
        let expected = [
            "src/main.rs",
            ".env",
            ".gitignore",
            "app/target/",
            "app/kept.log",
            "app/generated",
            "secrets/README.md",
            ".github/workflow.yml",
        ];
        assert_eq!(kept(root, &paths), expected);
    }

    #[test]
    fn a_worktree_has_the_rules_of_its_repository_and_not_those_around_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path().join("worktrees/one");
        write(dir.path(), ".gitignore", "/worktrees/\n*.rs\n");
        write(dir.path(), ".git/info/exclude", "notes\n");
        write(dir.path(), ".git/worktrees/one/commondir", "../..\n");
        write(&root, ".git", &format!("gitdir: {}\n", dir.path().join(".git/worktrees/one").display()));
        write(&root, ".gitignore", "/target/\n");
        assert_eq!(kept(&root, &["main.rs", "notes", "target/"]), ["main.rs"]);
    }

    #[test]
    fn a_tree_without_git_has_rules_too() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path().join("project");
        write(dir.path(), ".gitignore", "*.rs\n");
        write(&root, ".gitignore", "/target/\n");
        assert_eq!(kept(&root, &["main.rs", "target/"]), ["main.rs"]);
    }
}
