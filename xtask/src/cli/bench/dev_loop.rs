//! `bench dev-loop`: the development loop beside its peers. What is edited and how it is measured is the business of the program `dev-loop`; what stands
//! side by side, that of the files in `infra/bench/dev-loop`: each settings file there is one loop, with a stack of its own on a copy of the sources.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use crate::cli::{Context, cargo, program, remove_images};
use crate::commands;
use crate::interrupt;
use crate::process::Invocation;
use crate::project::Project;
use crate::report::Failure;
use crate::stack::Stack;

/// The loops, below the root of a checkout.
const LOOPS: &str = "infra/bench/dev-loop";

/// Holds the programs of peers that have to be compiled. It stays.
const TOOLS: &str = "slipway-dev-loop-tools";

/// Starts a loop's stack; its first build takes long.
const UP: [&str; 3] = ["up", "--timeout", "3600"];

/// Measure the time from a save to the new code, style or page in turn with other ways to work, each on a stack and a copy of the sources of its own
#[derive(Args)]
pub(super) struct DevLoop {
    /// How often each is measured
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// Only these: the names of the settings files in `infra/bench/dev-loop`
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    only: Vec<String>,
    /// Where each single measurement goes, as one JSON object in a line
    #[arg(long, value_name = "FILE")]
    raw: Option<PathBuf>,
}

/// One loop: its name and the stack that it works on.
struct Loop {
    name: String,
    stack: Stack,
}

impl DevLoop {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        let stack = context.stack_on_engine()?;
        let names = chosen(&known(&stack.project.root)?, &self.only)?;
        if context.dry_run() {
            return show(context, &stack, &names);
        }
        if let Some(raw) = &self.raw {
            // Better now than when there is something to write.
            let refused = |error| Failure::new(format!("cannot write {}: {error}", raw.display())).hint("choose another file for `--raw`");
            fs::File::create(raw).map_err(refused)?;
        }
        let place = stack.project.root.join("target/dev-loop").join(&stack.project.instance);
        let loops = names.iter().map(|name| prepare(&stack, &place, name)).collect::<anyhow::Result<Vec<_>>>()?;
        // What an earlier run left would be measured with it.
        remove(context, &stack, &loops)?;
        let result = self.measure(context, &stack, &place, &loops);
        interrupt::clear();
        remove(context, &stack, &loops)?;
        fs::remove_dir_all(&place).with_context(|| format!("cannot remove {}", place.display()))?;
        context.volume().say(format!("nothing is left but the volume {TOOLS}; `docker volume rm {TOOLS}` removes it"));
        result
    }

    fn measure(&self, context: &Context, stack: &Stack, place: &Path, loops: &[Loop]) -> anyhow::Result<()> {
        let root = &stack.project.root;
        let xtask = program()?;
        for step in preparations(stack)? {
            context.perform(&step)?;
        }
        let image = image(stack);
        let mut plan = Vec::new();
        for Loop { name, stack } in loops {
            context.volume().say(format!("starting {name}: the first build compiles every dependency"));
            let project = &stack.project;
            let own = |command: &[&str]| {
                own(Invocation::new(&xtask), name, &project.instance, command).env("RUST_IMAGE", &image).dir(&project.root)
            };
            context.perform(&own(&UP))?;
            let resolved = stack.resolve()?;
            plan.push(json!({
                "name": name,
                "root": project.root,
                "project": project.compose_name(),
                "url": resolved.address.url(),
                "dev": own(&["dev"]).to_string(),
                "watch": resolved.compose.watch().env("RUST_IMAGE", &image).to_string(),
            }));
        }
        let file = place.join("plan.json");
        fs::write(&file, serde_json::to_vec_pretty(&plan)?).with_context(|| format!("cannot write {}", file.display()))?;
        let run = cargo(["run", "--release", "--quiet", "--package", "dev-loop", "--"]).dir(root);
        let run = run.args(["--plan", &file.to_string_lossy(), "--rounds", &self.rounds.to_string()]);
        let raw = self.raw.as_ref().map(std::path::absolute).transpose()?;
        context.hand_over(&raw.iter().fold(run, |run, raw| run.args(["--raw", &raw.to_string_lossy()])))
    }
}

/// What is done once for all loops.
fn preparations(stack: &Stack) -> anyhow::Result<[Invocation; 3]> {
    let root = &stack.project.root;
    Ok([
        // Before anything runs, so that it takes no time from what is measured.
        cargo(["build", "--release", "--quiet", "--package", "dev-loop"]).dir(root),
        commands::bench::rust_image(root, &compiler(stack)?, &image(stack)),
        commands::bench::volume(TOOLS),
    ])
}

/// The image that everything is compiled with.
fn image(stack: &Stack) -> String {
    format!("slipway/dev-loop-rust:{}", stack.project.instance)
}

/// A command of this program for the loop `name`.
fn own(xtask: Invocation, name: &str, instance: &str, command: &[&str]) -> Invocation {
    xtask.args(["--env", name, "--instance", instance]).args(command.iter().copied())
}

/// The commands up to the measurement, without the copies that they work on.
fn show(context: &Context, stack: &Stack, names: &[String]) -> anyhow::Result<()> {
    let ups = names.iter().map(|name| own(cargo(["xtask"]), name, &instance(stack, name), &UP).env("RUST_IMAGE", &image(stack)));
    let steps = std::iter::once(commands::bench::sources(&stack.project.root)).chain(preparations(stack)?).chain(ups);
    steps.into_iter().try_for_each(|step| context.perform(&step))
}

/// The instance of the loop `name`.
fn instance(stack: &Stack, name: &str) -> String {
    format!("{}-{name}", stack.project.instance)
}

/// The image that the stack's own builder compiles with.
fn compiler(stack: &Stack) -> anyhow::Result<String> {
    let resolved = stack.resolve()?;
    let builder = resolved.model.develop.as_ref().and_then(|develop| resolved.model.services.get(&develop.builder));
    let image = builder.and_then(|builder| builder.image.clone());
    let image = image.ok_or_else(|| Failure::new("the environment has no builder").hint("leave out `--env`: `local` has one"))?;
    if resolved.images.contains_key(&image) {
        return Ok(image);
    }
    Err(Failure::new(format!("the image `{image}` is not here")).hint("`cargo xtask setup` gets or builds it").into())
}

/// The loops that there are.
fn known(root: &Path) -> anyhow::Result<Vec<String>> {
    let dir = root.join(LOOPS);
    let files = fs::read_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))?.flatten().map(|entry| entry.path());
    let names = files.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
    let mut names: Vec<String> = names.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect();
    names.sort();
    Ok(names)
}

/// Those of `known` that `only` names; all if it names none.
fn chosen(known: &[String], only: &[String]) -> Result<Vec<String>, Failure> {
    match only.iter().find(|name| !known.contains(name)) {
        Some(strange) => Err(Failure::new(format!("there is no loop `{strange}`")).hint(format!("there are {}", known.join(", ")))),
        None => Ok(known.iter().filter(|name| only.is_empty() || only.contains(name)).cloned().collect()),
    }
}

/// Copies the sources for the loop `name`, with its settings among those of its environments.
fn prepare(stack: &Stack, place: &Path, name: &str) -> anyhow::Result<Loop> {
    let (from, root) = (&stack.project.root, place.join(name));
    if root.exists() {
        fs::remove_dir_all(&root).with_context(|| format!("cannot remove {}", root.display()))?;
    }
    for file in commands::bench::sources(from).read()?.split_terminator('\0') {
        // A file that was removed is listed until git is told.
        if from.join(file).is_file() {
            copy(&from.join(file), &root.join(file))?;
        }
    }
    for entry in fs::read_dir(root.join(LOOPS))?.flatten().map(|entry| entry.path()) {
        let kind = entry.extension().and_then(|extension| extension.to_str());
        let to = match kind {
            Some("toml") => "infra/env",
            Some("yaml") => "infra",
            _ => continue,
        };
        copy(&entry, &root.join(to).join(entry.file_name().unwrap_or_default()))?;
    }
    Ok(Loop { name: name.to_owned(), stack: Stack::load(Project::new(root, name, Some(&instance(stack, name)))?)? })
}

/// Copies a file into a directory that may be missing.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to.with_file_name("")).with_context(|| format!("cannot make the directory of {}", to.display()))?;
    fs::copy(from, to).map(drop).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))
}

/// Removes the stacks and the images that only they used.
fn remove(context: &Context, stack: &Stack, loops: &[Loop]) -> anyhow::Result<()> {
    for one in loops {
        context.remove_all(&one.stack)?;
        remove_images(context, &one.stack)?;
    }
    remove_images(context, stack)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_is_not_there_is_refused_with_those_that_are() {
        let known = ["rebuild", "slipway"].map(str::to_owned);
        let only = |name: &str| chosen(&known, &[name.to_owned()]);
        assert_eq!(only("slipway"), Ok(vec!["slipway".to_owned()]));
        assert_eq!(chosen(&known, &[]), Ok(known.to_vec()));
        let refused = only("sliway").expect_err("refused").to_string();
        assert_eq!(refused, "there is no loop `sliway`\n\nhint: there are rebuild, slipway");
    }

    #[test]
    fn the_settings_of_every_loop_are_valid() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
        let names = known(root).expect("loops");
        assert_eq!(names, ["rebuild", "slipway", "sync", "watchexec"]);
        let place = tempfile::tempdir().expect("a directory");
        let project = Project::new(root.to_owned(), "local", Some("bench")).expect("valid names");
        let stack = Stack::load(project).expect("valid settings");
        for name in names {
            let one = prepare(&stack, place.path(), &name).expect("prepared");
            assert_eq!(one.stack.project.compose_name(), format!("slipway-bench-{name}"));
            let missing = |file: &&String| !one.stack.project.infra().join(file).is_file();
            assert_eq!(one.stack.environment.files().iter().find(missing), None, "{name}");
        }
    }
}
