//! Which paths belong to the working tree: all that git would not ignore.

use std::ffi::OsStr;
use std::path::Path;

use ignore::{IncrementalIgnore, WalkBuilder};

/// The rules of every `.gitignore`, of `.git/info/exclude` and of the user's own list, as they were when first asked about a directory.
pub(super) struct Rules {
    matcher: Option<IncrementalIgnore>,
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rules").finish_non_exhaustive()
    }
}

impl Rules {
    /// The rules of the tree at `root`. A tree without git, as an unpacked archive, keeps its `.gitignore`s.
    pub(super) fn read(root: &Path) -> Self {
        let checkout = root.join(".git").exists();
        let mut builder = WalkBuilder::new(root);
        // Rules above a checkout are not its own: it may be inside a directory that another one ignores.
        builder.hidden(false).ignore(false).require_git(checkout).parents(checkout).current_dir(root);
        Self { matcher: builder.build_matchers().pop() }
    }

    /// Whether `path`, relative to the root, is watched.
    pub(super) fn keep(&mut self, path: &Path, directory: bool) -> bool {
        !path.components().any(|part| part.as_os_str() == ".git")
            && self.matcher.as_mut().is_none_or(|matcher| !matcher.matched(path, directory).is_ignore())
    }
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
        let mut rules = Rules::read(root);
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
