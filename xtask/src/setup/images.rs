//! Base images: the official ones where a registry answers, equivalents built from the distribution's packages otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::plan::Machine;
use crate::commands;
use crate::images::base::Variable;
use crate::process::Invocation;
use crate::project::Project;
use crate::report::Failure;

/// The image that the other local base images are made of.
pub(crate) const RUNTIME: &str = "runtime";
/// What it is called while it is made.
const UNFINISHED: &str = "slipway/base-runtime:unfinished";

/// The base images that are not here in either form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Missing {
    /// Their variables, with the official images.
    pub(crate) variables: Vec<Variable>,
}

impl Missing {
    /// Of `variables`, those of which neither the official image nor the local equivalent is among `images`.
    pub(crate) fn find(variables: &[Variable], images: &BTreeMap<String, String>, local: &BTreeMap<String, String>) -> Self {
        let here = |variable: &Variable| {
            images.contains_key(&variable.official) || local.get(&variable.short()).is_some_and(|tag| images.contains_key(tag))
        };
        // A variable that a person sets names an image that is the person's business.
        let ours = variables.iter().filter(|variable| std::env::var_os(&variable.name).is_none());
        Self { variables: ours.filter(|variable| !here(variable)).cloned().collect() }
    }

    /// What will be done, in words and as commands.
    pub(crate) fn describe(&self, recipe: &Recipe<'_>) -> String {
        let names: Vec<String> = self.variables.iter().map(Variable::short).collect();
        let mut text = format!("get the base images {}", names.join(", "));
        for variable in &self.variables {
            let _ = write!(text, "\n    {}", commands::engine::pull(&variable.official));
        }
        text.push_str("\n  or, where no image registry answers, build equivalents from Debian's packages");
        for line in recipe.lines(&names.into_iter().collect()) {
            let _ = write!(text, "\n    {line}");
        }
        text
    }
}

/// How local base images are built on this machine.
pub(crate) struct Recipe<'a> {
    /// The checkout.
    pub(crate) project: &'a Project,
    /// Their tags by short name.
    pub(crate) tags: &'a BTreeMap<String, String>,
    /// The packages of the runtime image.
    pub(crate) packages: Vec<String>,
    /// Where Debian's packages come from; the tools' own default without.
    pub(crate) sources: Vec<String>,
    /// The root of the host's Rust toolchain.
    pub(crate) sysroot: String,
    /// Whether `mmdebstrap` is there.
    pub(crate) mmdebstrap: bool,
}

impl<'a> Recipe<'a> {
    /// For `project` on `machine`.
    ///
    /// # Errors
    /// When the list of packages cannot be read.
    pub(crate) fn new(project: &'a Project, tags: &'a BTreeMap<String, String>, machine: &Machine) -> anyhow::Result<Self> {
        let path = project.infra().join("images").join(RUNTIME).join("packages");
        let text = std::fs::read_to_string(&path).map_err(|error| Failure::new(format!("{} cannot be read: {error}", path.display())))?;
        Ok(Self {
            project,
            tags,
            packages: packages(&text),
            sources: machine.debian_sources(commands::images::RELEASE),
            sysroot: commands::images::sysroot(&project.root).read().map(|path| path.trim().to_owned()).unwrap_or_default(),
            mmdebstrap: which::which("mmdebstrap").is_ok(),
        })
    }

    /// The tag of `name`, when there is a directory for it.
    pub(crate) fn tag(&self, name: &str) -> Option<&str> {
        self.tags.get(name).map(String::as_str)
    }

    /// The two commands that make the runtime image, one feeding the other. It gets its tag only when both are done:
    /// the second one makes an image also of what a failed first one left.
    pub(crate) fn runtime(&self) -> (Invocation, Invocation) {
        let customize = self.project.infra().join("images").join(RUNTIME).join("customize");
        (commands::images::root_file_system(&self.packages, &customize, &self.sources), commands::images::import(UNFINISHED))
    }

    /// The commands that give the runtime image its tag.
    pub(crate) fn finish_runtime(&self) -> [Invocation; 2] {
        let tag = self.tag(RUNTIME).unwrap_or_default();
        [commands::images::tag(UNFINISHED, tag), commands::images::remove(&[UNFINISHED.to_owned()])]
    }

    /// The command that builds `name` on the runtime image.
    ///
    /// # Errors
    /// When there is no recipe for it, or it needs a Rust toolchain and there is none.
    pub(crate) fn build(&self, name: &str) -> Result<Invocation, Failure> {
        let (Some(tag), Some(runtime)) = (self.tag(name), self.tag(RUNTIME)) else {
            return Err(Failure::new(format!(
                "`infra/images/{name}` does not exist, so there is no equivalent to build for `{}_IMAGE`",
                name.to_uppercase()
            ))
            .hint("bring the official image with `docker image save` and `docker image load`"));
        };
        let contexts = if name == "rust" { vec![("toolchain".to_owned(), self.sysroot.clone())] } else { Vec::new() };
        if name == "rust" && self.sysroot.is_empty() {
            return Err(Failure::new("`rustc --print sysroot` fails: the Rust image is made of this machine's toolchain")
                .hint("install Rust with rustup, as README.md says"));
        }
        Ok(commands::images::build(&self.project.root, name, tag, runtime, &contexts))
    }

    /// Every command that building `names` may take.
    pub(crate) fn lines(&self, names: &BTreeSet<String>) -> Vec<String> {
        let (root_file_system, import) = self.runtime();
        let mut lines = Vec::new();
        if !self.mmdebstrap {
            lines.push(commands::apt::install(&["mmdebstrap".to_owned()]).to_string());
        }
        lines.push(format!("{root_file_system} | {import}"));
        lines.extend(self.finish_runtime().map(|line| line.to_string()));
        lines.extend(names.iter().filter(|name| *name != RUNTIME).filter_map(|name| self.build(name).ok()).map(|line| line.to_string()));
        lines
    }
}

/// One name on a line; `#` begins a comment.
fn packages(text: &str) -> Vec<String> {
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    lines.filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// The host name of the registry that `image` comes from; empty for the client's default one.
pub(crate) fn registry(image: &str) -> &str {
    let first = image.split_once('/').map_or("", |(first, _)| first);
    if first.contains(['.', ':']) || first == "localhost" { first } else { "" }
}

/// Whether the text of a failed pull says that the registry could not be reached at all, rather than that it refused.
pub(crate) fn unreachable(text: &str) -> bool {
    let signs = [
        "no such host",
        "dial tcp",
        "i/o timeout",
        "connection refused",
        "connection reset",
        "deadline exceeded",
        "request canceled",
        "network is unreachable",
        "server misbehaving",
        "proxyconnect",
        "x509:",
        "TLS handshake",
        "EOF",
    ];
    signs.iter().any(|sign| text.contains(sign))
}

#[cfg(test)]
mod tests {
    use super::super::plan::tests::{bare, debian};
    use super::*;

    fn variable(name: &str, official: &str) -> Variable {
        Variable { name: name.to_owned(), official: official.to_owned() }
    }

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    fn tags() -> BTreeMap<String, String> {
        map(&[("redis", "slipway/base-redis:1"), ("runtime", "slipway/base-runtime:1"), ("rust", "slipway/base-rust:1")])
    }

    #[test]
    fn an_image_in_either_form_is_not_missing() {
        let variables = [variable("REDIS_IMAGE", "redis:8"), variable("RUST_IMAGE", "rust:1"), variable("RUNTIME_IMAGE", "debian:13")];
        let images = map(&[("redis:8", "a"), ("slipway/base-rust:1", "b"), ("slipway/base-runtime:0", "c")]);
        assert_eq!(Missing::find(&variables, &images, &tags()).variables, [variable("RUNTIME_IMAGE", "debian:13")]);
        assert_eq!(Missing::find(&variables, &BTreeMap::new(), &BTreeMap::new()).variables, variables);
    }

    #[test]
    fn the_plan_says_both_ways() {
        let project = Project { root: "/repo".into(), environment: "local".to_owned(), instance: "main".to_owned() };
        let tags = tags();
        let recipe = Recipe {
            project: &project,
            tags: &tags,
            packages: packages("# always\nca-certificates\n\n"),
            sources: bare(debian(12, "bookworm")).debian_sources(commands::images::RELEASE),
            sysroot: "/opt/rust".to_owned(),
            mmdebstrap: false,
        };
        let missing = Missing { variables: vec![variable("REDIS_IMAGE", "redis:8"), variable("RUST_IMAGE", "rust:1")] };
        insta::assert_snapshot!(missing.describe(&recipe));
    }

    #[test]
    fn an_image_without_recipe_or_toolchain_is_refused() {
        let project = Project { root: "/repo".into(), environment: "local".to_owned(), instance: "main".to_owned() };
        let tags = tags();
        let recipe =
            Recipe { project: &project, tags: &tags, packages: Vec::new(), sources: Vec::new(), sysroot: String::new(), mmdebstrap: true };
        let texts = ["queue", "rust"].map(|name| recipe.build(name).expect_err("refused").to_string());
        insta::assert_snapshot!(texts.join("\n---\n"), @r"
        `infra/images/queue` does not exist, so there is no equivalent to build for `QUEUE_IMAGE`

        hint: bring the official image with `docker image save` and `docker image load`
        ---
        `rustc --print sysroot` fails: the Rust image is made of this machine's toolchain

        hint: install Rust with rustup, as README.md says
        ");
    }

    #[test]
    fn registries_are_told_apart() {
        let names =
            ["redis:8", "selenium/standalone:4", "registry.example.org/redis:8", "localhost:5000/redis", "localhost/redis"].map(registry);
        assert_eq!(names, ["", "", "registry.example.org", "localhost:5000", "localhost"]);
    }

    #[test]
    fn a_refusal_is_not_a_silence() {
        assert!(unreachable(
            "Error response from daemon: Get \"https://registry.example.org/v2/\": dial tcp: lookup registry.example.org: no such host"
        ));
        assert!(!unreachable("Error response from daemon: manifest for redis:88 not found: manifest unknown"));
        assert!(!unreachable("toomanyrequests: You have reached your pull rate limit."));
    }
}
