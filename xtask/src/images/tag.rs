//! Which of our images a stack runs: those of an instance, of a commit, or of a tag that somebody chose.

use std::collections::BTreeMap;
use std::path::Path;

use super::release::Release;
use crate::config::values::Tag;
use crate::logs::stamp::Stamp;
use crate::process::Invocation;
use crate::project::Project;
use crate::report::Failure;

/// How many digits of a commit are in a tag.
const DIGITS: usize = 12;
/// So many changed files are named.
const NAMED: usize = 5;

/// The variables that the compose files take from a commit.
pub(crate) const VARIABLES: [&str; 6] = ["REVISION", "REVISION_TIME", "IMAGE_SOURCE", "IMAGE_VERSION", "IMAGE_LICENSES", "IMAGE_CREATED"];

/// Where the images of a stack come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The working tree.
    Instance(String),
    /// A commit.
    Commit(Commit),
    /// Somebody else built them.
    Pinned(String),
}

/// The commit that is checked out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Commit {
    /// Its full name.
    pub(crate) id: String,
    /// When it was made, in Unix seconds.
    pub(crate) time: u64,
    /// Files that are not as it has them, new ones included.
    pub(crate) changed: Vec<String>,
    /// What else labels say.
    pub(crate) release: Release,
}

impl Source {
    /// What `tag` means in the checkout of `project`.
    ///
    /// # Errors
    /// When images are to be tagged by commit and there is none.
    pub(crate) fn find(project: &Project, tag: &Tag) -> anyhow::Result<Self> {
        match tag {
            Tag::Instance => Ok(Self::Instance(project.instance.clone())),
            Tag::Pinned(tag) => Ok(Self::Pinned(tag.clone())),
            Tag::Commit => Ok(Self::Commit(Commit::look(&project.root)?)),
        }
    }

    /// The tag.
    pub(crate) fn tag(&self) -> String {
        match self {
            Self::Instance(name) | Self::Pinned(name) => name.clone(),
            Self::Commit(commit) => commit.id.chars().take(DIGITS).collect(),
        }
    }

    /// The variables that the compose files take from it.
    pub(crate) fn variables(&self) -> BTreeMap<String, String> {
        let mut variables = BTreeMap::from([("IMAGE_TAG".to_owned(), self.tag())]);
        if let Self::Commit(commit) = self {
            let Release { source, version, licenses } = commit.release.clone();
            let values = [commit.id.clone(), commit.time.to_string(), source, version, licenses, commit.created()];
            variables.extend(VARIABLES.map(str::to_owned).into_iter().zip(values));
        }
        variables
    }

    /// Refuses to build what would not be what its tag says.
    ///
    /// # Errors
    /// When the working tree is not as the commit has it, or somebody else builds these images.
    pub(crate) fn check_buildable(&self) -> Result<(), Failure> {
        match self {
            Self::Instance(_) => Ok(()),
            Self::Pinned(tag) => Err(Failure::new(format!("images tagged `{tag}` are not built here: `images.tag` names them")).hint(
                "`cargo xtask images load FILE` or a pull brings them here; `images.tag = \"commit\"` builds them from this checkout",
            )),
            Self::Commit(commit) => self.check_clean(commit, "built"),
        }
    }

    /// Refuses to give others what nothing says the content of.
    ///
    /// # Errors
    /// When the images are those of an instance, or the working tree is not as the commit has it.
    pub(crate) fn check_pushable(&self, flags: &str) -> Result<(), Failure> {
        match self {
            Self::Pinned(_) => Ok(()),
            Self::Instance(name) => {
                Err(Failure::new(format!("images of the instance `{name}` are not pushed: nothing says what is in them"))
                    .hint("`images.tag = \"commit\"` in the environment's file gives images of a commit")
                    .hint(format!("`cargo xtask images save{flags}` takes these to another machine")))
            }
            Self::Commit(commit) => self.check_clean(commit, "pushed"),
        }
    }

    fn check_clean(&self, commit: &Commit, done: &str) -> Result<(), Failure> {
        if commit.changed.is_empty() {
            return Ok(());
        }
        let more = commit.changed.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let named = commit.changed[..commit.changed.len().min(NAMED)].join(", ");
        Err(Failure::new(format!("images of commit `{}` cannot be {done}: the working tree has changes", self.tag()))
            .detail(format!("{named}{more}"))
            .hint("commit them, or put them aside with `git stash`"))
    }
}

impl Commit {
    fn look(root: &Path) -> anyhow::Result<Self> {
        let git = |args: &[&str]| Invocation::new("git").args(args.iter().copied()).dir(root).read();
        let head = git(&["log", "-1", "--format=%H %ct"]).map_err(|error| {
            Failure::new("images are tagged by commit, and git names none here")
                .detail(error.to_string().lines().last().unwrap_or_default().trim())
                .hint("`images.tag` in the environment's file may name a tag instead")
        })?;
        let status = git(&["status", "--porcelain", "--untracked-files=normal", "-z"])?;
        let commit = parse(&head, &status, Release::look(root)?);
        commit.ok_or_else(|| anyhow::anyhow!("git printed `{}` for a commit", head.trim()))
    }

    /// When it was made, as RFC 3339.
    pub(crate) fn created(&self) -> String {
        Stamp(self.time.saturating_mul(1_000_000_000)).to_seconds()
    }
}

fn parse(head: &str, status: &str, release: Release) -> Option<Commit> {
    let (id, time) = head.trim().split_once(' ')?;
    // Two letters and a space come before each name. Settings of this machine are in no image.
    let of_this_machine = |entry: &&str| entry.starts_with("?? infra/");
    let entries = status.split('\0').filter(|entry| !of_this_machine(entry));
    let changed = entries.filter_map(|entry| entry.get(3..)).map(str::to_owned).collect();
    Some(Commit { id: id.to_owned(), time: time.parse().ok()?, changed, release })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(status: &str) -> Source {
        let release = Release { source: "https://example.com/a".to_owned(), version: "0.1.0".to_owned(), licenses: "MIT".to_owned() };
        Source::Commit(parse("0123456789abcdef0123456789abcdef01234567 1700000000\n", status, release).expect("valid"))
    }

    #[test]
    fn a_commit_is_a_tag_and_what_labels_say() {
        let variables: Vec<String> = commit("").variables().iter().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(
            variables,
            [
                "IMAGE_CREATED=2023-11-14T22:13:20Z",
                "IMAGE_LICENSES=MIT",
                "IMAGE_SOURCE=https://example.com/a",
                "IMAGE_TAG=0123456789ab",
                "IMAGE_VERSION=0.1.0",
                "REVISION=0123456789abcdef0123456789abcdef01234567",
                "REVISION_TIME=1700000000"
            ]
        );
        assert_eq!(Source::Instance("fix".to_owned()).variables(), BTreeMap::from([("IMAGE_TAG".to_owned(), "fix".to_owned())]));
        assert!(parse("", "", Release::default()).is_none());
    }

    #[test]
    fn what_is_in_no_commit_is_not_built_as_one() {
        assert!(commit("").check_buildable().is_ok() && commit("?? infra/env/qa.toml\0").check_buildable().is_ok());
        assert!(commit("?? proxy/conf/more.conf\0").check_buildable().is_err());
        insta::assert_snapshot!(commit(" M a.rs\0 M b.rs\0M  c.rs\0 D d.rs\0 M e.rs\0 M f.rs\0").check_buildable().expect_err("refused"), @r"
        images of commit `0123456789ab` cannot be built: the working tree has changes
          a.rs, b.rs, c.rs, d.rs, e.rs and 1 more

        hint: commit them, or put them aside with `git stash`
        ");
        assert_eq!(commit("").check_pushable(""), Ok(()));
        insta::assert_snapshot!(commit(" M a.rs\0").check_pushable("").expect_err("refused"), @r"
        images of commit `0123456789ab` cannot be pushed: the working tree has changes
          a.rs

        hint: commit them, or put them aside with `git stash`
        ");
        insta::assert_snapshot!(Source::Instance("fix".to_owned()).check_pushable(" --env qa").expect_err("refused"), @r#"
        images of the instance `fix` are not pushed: nothing says what is in them

        hint: `images.tag = "commit"` in the environment's file gives images of a commit
        hint: `cargo xtask images save --env qa` takes these to another machine
        "#);
        assert_eq!(Source::Pinned("1.4.2".to_owned()).check_pushable(""), Ok(()));
        insta::assert_snapshot!(Source::Pinned("1.4.2".to_owned()).check_buildable().expect_err("refused"), @r#"
        images tagged `1.4.2` are not built here: `images.tag` names them

        hint: `cargo xtask images load FILE` or a pull brings them here; `images.tag = "commit"` builds them from this checkout
        "#);
    }
}
