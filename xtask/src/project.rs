//! Which checkout, which instance, which Compose project: decided from the directory and git alone.

use std::path::{Path, PathBuf};

use crate::report::Failure;

/// The name every Compose project of this repository begins with.
const BASE: &str = "slipway";

/// What the names of throw-away instances end with.
const DRILL: &str = "-drill";

/// One running copy of the stack: its place and its names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Project {
    /// The root of the checkout.
    pub(crate) root: PathBuf,
    /// The environment's name (`--env`).
    pub(crate) environment: String,
    /// The instance's name; `main` is the main worktree in `local`.
    pub(crate) instance: String,
}

impl Project {
    /// The project that `--env` and `--instance` mean in the checkout at `root`.
    ///
    /// # Errors
    /// When a name has characters that Compose refuses.
    pub(crate) fn new(root: PathBuf, environment: &str, instance: Option<&str>) -> anyhow::Result<Self> {
        check_name("environment", environment)?;
        let instance = match instance {
            Some(instance) => {
                check_name("instance", instance)?;
                instance.to_owned()
            }
            None => default_instance(linked_worktree(&root).as_deref(), environment),
        };
        if let Some(other) = instance.strip_suffix(DRILL) {
            return Err(Failure::new(format!("the instance `{instance}` has a name that drills have"))
                .detail("a backup is tried in an instance whose name ends so, and all of that is removed")
                .hint(format!("use another name, for example `--instance {other}`"))
                .into());
        }
        Ok(Self { root, environment: environment.to_owned(), instance })
    }

    /// A throw-away instance beside this one, which nobody can name.
    ///
    /// # Errors
    /// When its name is too long.
    pub(crate) fn drill(&self) -> anyhow::Result<Self> {
        let instance = format!("{}{DRILL}", self.instance);
        check_name("instance", &instance)?;
        Ok(Self { instance, ..self.clone() })
    }

    /// The Compose project name: containers, networks and volumes begin with it.
    pub(crate) fn compose_name(&self) -> String {
        if self.instance == "main" { BASE.to_owned() } else { format!("{BASE}-{}", self.instance) }
    }

    /// The instance's name where it runs beside the main one of its environment.
    pub(crate) fn apart(&self) -> Option<&str> {
        let main = default_instance(None, &self.environment);
        Some(self.instance.as_str()).filter(|instance| *instance != main && *instance != "main")
    }

    /// `infra/` of the checkout, which is also Compose's project directory.
    pub(crate) fn infra(&self) -> PathBuf {
        self.root.join("infra")
    }

    /// The flags that lead to this project again, for commands in hints: empty for the default one.
    pub(crate) fn flags(&self) -> String {
        let default = default_instance(linked_worktree(&self.root).as_deref(), &self.environment);
        let mut flags = String::new();
        if self.environment != "local" {
            flags = format!(" --env {}", self.environment);
        }
        if self.instance != default {
            flags = format!("{flags} --instance {}", self.instance);
        }
        flags
    }
}

/// The root of the checkout this program was started in: the nearest parent with `infra/compose.yaml`.
///
/// # Errors
/// When there is none.
pub(crate) fn root() -> anyhow::Result<PathBuf> {
    let start = std::env::current_dir()?;
    match start.ancestors().find(|dir| dir.join("infra/compose.yaml").is_file()) {
        Some(root) => Ok(root.to_owned()),
        None => Err(Failure::new(format!("no `infra/compose.yaml` in {} or above it", start.display()))
            .hint("change into the checkout and run `cargo xtask` there")
            .into()),
    }
}

/// Two worktrees must never share an instance, nor two environments of one worktree: both would mix their data.
fn default_instance(worktree: Option<&str>, environment: &str) -> String {
    match (worktree, environment) {
        (None, "local") => "main".to_owned(),
        (None, environment) => environment.to_owned(),
        (Some(worktree), "local") => worktree.to_owned(),
        (Some(worktree), environment) => format!("{worktree}-{environment}"),
    }
}

/// The name of a linked git worktree (`git worktree add`): there `.git` is a file that points into the main one's `.git/worktrees/`.
fn linked_worktree(root: &Path) -> Option<String> {
    let pointer = std::fs::read_to_string(root.join(".git")).ok()?;
    let target = pointer.strip_prefix("gitdir:")?.trim().replace('\\', "/");
    if !target.contains("/worktrees/") {
        return None;
    }
    // The name of the directory is what a person sees; git's own name for the worktree may carry a number.
    Some(sanitize(&root.file_name()?.to_string_lossy()))
}

fn sanitize(name: &str) -> String {
    let dashed: String = name.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let trimmed = dashed.trim_matches('-');
    if trimmed.is_empty() { "worktree".to_owned() } else { trimmed.chars().take(40).collect() }
}

/// A name that a person would choose in the place of `name`. Worktrees have the plain one: two of them must not get the same.
fn suggestion(name: &str) -> String {
    let name = sanitize(name);
    name.split('-').filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}

pub(crate) fn check_name(what: &str, name: &str) -> anyhow::Result<()> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if (1..=40).contains(&name.len()) && name.chars().all(allowed) && !name.starts_with('-') && !name.ends_with('-') {
        return Ok(());
    }
    Err(Failure::new(format!("{what} `{name}` is not a usable name"))
        .detail("a name has 1 to 40 characters of a-z, 0-9 and `-`, and neither begins nor ends with `-`")
        .hint(format!("for example `--{} {}`", if what == "environment" { "env" } else { what }, suggestion(name)))
        .into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_names_an_instance_that_is_thrown_away() {
        assert_eq!(project("local", "main").drill().expect("a name").compose_name(), "slipway-main-drill");
        let refused = Project::new(PathBuf::from("/nowhere"), "local", Some("main-drill")).expect_err("refused");
        assert!(refused.to_string().contains("drills have"), "{refused}");
        Project::new(PathBuf::from("/nowhere"), "local", Some("drill")).expect("another name");
    }

    fn project(environment: &str, instance: &str) -> Project {
        Project { root: PathBuf::from("/nowhere"), environment: environment.to_owned(), instance: instance.to_owned() }
    }

    #[test]
    fn environments_and_worktrees_never_share_an_instance() {
        let names = [(None, "local"), (None, "test"), (Some("fix"), "local"), (Some("fix"), "test")]
            .map(|(worktree, environment)| default_instance(worktree, environment));
        assert_eq!(names, ["main", "test", "fix", "fix-test"]);
    }

    #[test]
    fn the_main_worktree_has_the_bare_name() {
        assert_eq!(project("local", "main").compose_name(), "slipway");
        assert_eq!(project("test", "test").compose_name(), "slipway-test");
    }

    #[test]
    fn the_main_instance_of_an_environment_is_not_apart() {
        assert_eq!(
            (project("local", "main").apart(), project("test", "test").apart(), project("test", "main").apart()),
            (None, None, None)
        );
        assert_eq!((project("local", "fix").apart(), project("local", "test").apart()), (Some("fix"), Some("test")));
    }

    #[test]
    fn flags_lead_back_to_the_same_project() {
        assert_eq!(project("local", "main").flags(), "");
        assert_eq!(project("test", "test").flags(), " --env test");
        assert_eq!(project("test", "ci").flags(), " --env test --instance ci");
    }

    #[test]
    fn a_bad_name_is_refused_with_a_good_one() {
        let error = check_name("instance", "My Feature!").expect_err("refused").to_string();
        assert!(error.ends_with("hint: for example `--instance my-feature`"), "{error}");
        let error = check_name("instance", "a____x").expect_err("refused").to_string();
        assert!(error.ends_with("hint: for example `--instance a-x`"), "{error}");
        let error = check_name("instance", &format!("{} x", "a".repeat(39))).expect_err("refused").to_string();
        assert!(error.ends_with(&format!("`--instance {}`", "a".repeat(39))), "a name does not end with a dash: {error}");
        assert!(check_name("environment", "../etc").is_err());
        assert!(check_name("environment", "").is_err());
    }

    #[test]
    fn a_linked_worktree_is_named_after_its_directory() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let tree = dir.path().join("Fix_Login");
        std::fs::create_dir(&tree).expect("created");
        assert_eq!(linked_worktree(&tree), None);
        std::fs::write(tree.join(".git"), "gitdir: /repo/.git/worktrees/fix\n").expect("written");
        assert_eq!(linked_worktree(&tree), Some("fix-login".to_owned()));
    }
}
