//! What `doctor` asks: everything at the same time, and nothing that changes anything.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::commands;
use crate::engine::{self, Trouble, containers::Container};
use crate::images::base;
use crate::images::inventory::{self, Entry};
use crate::model::Model;
use crate::ports;
use crate::process::{Invocation, Output};
use crate::project::Project;
use crate::secrets;
use crate::stack::Stack;

/// Everything that the checks judge.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// The flags that lead to this project, for commands in fixes.
    pub(crate) flags: String,
    /// Why the engine cannot be used.
    pub(crate) trouble: Option<Trouble>,
    /// The client's version.
    pub(crate) client: Option<String>,
    /// The engine's version.
    pub(crate) server: Option<String>,
    /// The version of Compose.
    pub(crate) compose: Option<String>,
    /// The version of buildx.
    pub(crate) buildx: Option<String>,
    /// What the engine says about its host.
    pub(crate) host: Option<Host>,
    /// Free bytes where the engine keeps its data, if that is on this machine.
    pub(crate) free: Option<u64>,
    /// The environment, or what is wrong with it; only Compose can tell what is in it.
    pub(crate) environment: Result<Option<Contents>, String>,
    /// The project's containers, or why they are not known.
    pub(crate) containers: Result<Vec<Container>, String>,
    /// Whether git leaves the secrets out; nothing outside a git checkout.
    pub(crate) ignored: Option<bool>,
    /// The pinned Rust version.
    pub(crate) pinned: Option<String>,
    /// The Rust version that answers in the checkout.
    pub(crate) rust: Option<String>,
}

/// What a valid environment asks for.
#[derive(Clone, Debug)]
pub(crate) struct Contents {
    /// Images that are built here, and images that they are made from.
    pub(crate) images: Option<(Vec<Entry>, Vec<Entry>)>,
    /// Secret files that are not there.
    pub(crate) secrets: Vec<PathBuf>,
    /// Volumes that nobody has decided about whether they are backed up.
    pub(crate) undecided: Vec<String>,
    /// The address that a start would use.
    pub(crate) address: Result<ports::Address, String>,
}

/// What `docker info --format json` prints, as far as it matters here.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Host {
    /// Where the engine keeps images, containers and volumes.
    #[serde(rename = "DockerRootDir", default)]
    pub(crate) root: PathBuf,
    /// Memory in bytes.
    #[serde(rename = "MemTotal", default)]
    pub(crate) memory: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Versions {
    client: Option<Component>,
    server: Option<Component>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Component {
    version: String,
}

impl Facts {
    /// Asks everything about `project` and this machine.
    ///
    /// # Errors
    /// When a thread cannot be started; what is wrong with the machine is part of the facts.
    pub(crate) fn find(project: &Project) -> anyhow::Result<Self> {
        std::thread::scope(|scope| {
            let trouble = scope.spawn(engine::trouble);
            let versions = scope.spawn(|| answer(&commands::engine::version()));
            let compose = scope.spawn(|| answer(&commands::engine::compose_version()));
            let buildx = scope.spawn(|| answer(&commands::engine::buildx_version()));
            let info = scope.spawn(|| answer(&commands::engine::info()));
            let git = scope
                .spawn(|| Invocation::new("git").args(["check-ignore", "--quiet", "infra/secrets/local/any"]).dir(&project.root).capture());
            let rust = scope.spawn(|| answer(&Invocation::new("rustc").arg("--version").dir(&project.root)));
            let stack = Stack::load(project.clone());
            let (contents, containers) = match &stack {
                Ok(stack) => (Contents::find(stack).map(Some), stack.containers().map_err(|error| error.to_string())),
                Err(error) => (Err(error.to_string()), Err("the environment is not valid".to_owned())),
            };
            let trouble = trouble.join().map_err(|_| anyhow::anyhow!("the thread that asked for the engine panicked"))??;
            let compose = compose.join().ok().flatten().map(|text| text.trim().to_owned());
            let environment = if stack.is_ok() && compose.is_none() { Ok(None) } else { contents };
            // With a broken engine `docker version` fails, but names the client all the same.
            let versions = versions.join().ok().flatten().and_then(|text| serde_json::from_str::<Versions>(&text).ok());
            let (client, server) = versions.map_or((None, None), |versions| (versions.client, versions.server));
            let host: Option<Host> = info.join().ok().flatten().and_then(|text| serde_json::from_str(&text).ok());
            // Without an engine `docker info` prints the same fields, empty.
            let host = host.filter(|host| host.memory > 0);
            Ok(Self {
                flags: project.flags(),
                trouble,
                client: client.map(|component| component.version),
                server: server.map(|component| component.version),
                compose,
                buildx: buildx.join().ok().flatten().map(|text| text.split_whitespace().nth(1).unwrap_or_default().to_owned()),
                free: host.as_ref().and_then(|host| free(&host.root)),
                host,
                environment,
                containers,
                ignored: git.join().ok().and_then(Result::ok).and_then(|output| ignored(&output)),
                pinned: pinned(&project.root),
                rust: rust.join().ok().flatten().and_then(|text| text.split_whitespace().nth(1).map(str::to_owned)),
            })
        })
    }
}

impl Contents {
    fn find(stack: &Stack) -> Result<Self, String> {
        let words = |error: anyhow::Error| error.to_string();
        let model = Model::parse(&stack.compose.model().read().map_err(words)?).map_err(words)?;
        let variables = base::parse_variables(&stack.compose.variables().read().map_err(words)?);
        let local = base::local_tags(&stack.project).map_err(words)?;
        let images = answer(&commands::images::list()).map(|here| {
            let mut own = inventory::entries(&model, &variables, &inventory::parse(&here), &local);
            let bases = own.split_off(model.builds().len());
            (own, bases)
        });
        let containers = stack.containers().unwrap_or_default();
        let proxy = containers.iter().find(|container| container.service() == ports::PROXY.0);
        Ok(Self {
            images,
            secrets: secrets::missing(&stack.project, &model),
            undecided: model.undecided().into_iter().map(str::to_owned).collect(),
            address: ports::choose(&stack.environment, stack.project.apart(), proxy).map_err(words),
        })
    }
}

/// What a question prints, whatever its exit code says; nothing when it cannot be asked or prints nothing.
fn answer(question: &Invocation) -> Option<String> {
    question.capture().ok().map(|output| output.stdout).filter(|text| !text.trim().is_empty())
}

/// Free bytes on the file system of `dir`; nothing where it is not on this machine or `df` is not there.
fn free(dir: &Path) -> Option<u64> {
    if !dir.is_dir() {
        return None;
    }
    parse_df(&answer(&Invocation::new("df").args(["-Pk", &dir.display().to_string()]))?)
}

/// The fourth column of `df -Pk`, in bytes.
fn parse_df(table: &str) -> Option<u64> {
    table.lines().last()?.split_whitespace().nth(3)?.parse::<u64>().ok().map(|blocks| blocks * 1024)
}

/// `git check-ignore` ends with 0 for an ignored path, with 1 for another, and with something else outside a checkout.
fn ignored(output: &Output) -> Option<bool> {
    match output.code {
        0 => Some(true),
        1 => Some(false),
        _ => None,
    }
}

fn pinned(root: &Path) -> Option<String> {
    let text = std::fs::read_to_string(root.join("rust-toolchain.toml")).ok()?;
    let table: toml::Table = toml::from_str(&text).ok()?;
    Some(table.get("toolchain")?.get("channel")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_df_is_read() {
        let table = "Filesystem     1024-blocks      Used Available Capacity Mounted on\n/dev/vda1        102687672  40000000  62671288      39% /\n";
        assert_eq!(parse_df(table), Some(62_671_288 * 1024));
        assert_eq!(parse_df(""), None);
    }

    #[test]
    fn the_pinned_toolchain_is_read() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        assert_eq!(pinned(dir.path()), None);
        std::fs::write(dir.path().join("rust-toolchain.toml"), "[toolchain]\nchannel = \"1.95.0\"\n").expect("written");
        assert_eq!(pinned(dir.path()), Some("1.95.0".to_owned()));
    }
}
