//! `images sbom`: what our own images consist of, one document each.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use crate::cli::Context;
use crate::commands;
use crate::images::needed::Needed;
use crate::images::sbom::{Lock, Materials, Subject, document};
use crate::images::tag::Source;
use crate::model::{Build, Model};
use crate::process::Invocation;
use crate::project::Project;
use crate::report::{Failure, product};
use crate::stack::Stack;

/// The stage of a Dockerfile that says what is in the image.
const STAGE: &str = "target stage \"sbom\" could not be found";

/// Write what our own images consist of, crates and packages, as CycloneDX documents
#[derive(Args)]
pub(super) struct Sbom {
    /// The services whose images are described [default: all that are built here]
    services: Vec<String>,
    /// The directory for the documents [default: target/sbom of the checkout]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Sbom {
    pub(super) fn run(self, context: &Context, stack: &Stack) -> anyhow::Result<()> {
        stack.check_buildable()?;
        let needed = Needed::look(stack)?;
        let out = self.out.unwrap_or_else(|| stack.project.root.join("target/sbom"));
        let lock = stack.project.root.join("Cargo.lock");
        for (image, build) in chosen(&needed.model, &self.services)? {
            let (name, tag) = image.rsplit_once(':').unwrap_or((image, ""));
            let short = name.rsplit('/').next().unwrap_or(name);
            if build.dockerfile_inline.is_some() {
                return Err(Failure::new(format!(
                    "what is in `{image}` is not known: its Dockerfile is in the compose file (`dockerfile_inline`)"
                ))
                .hint("put it into a file, name it with `build.dockerfile`, and give it the stage `sbom`: docs/images.md")
                .into());
            }
            let dir = stack.project.root.join("target/materials").join(short);
            let ask = commands::images::materials(build, &needed.model, &dir);
            if context.dry_run() {
                product(ask.to_string());
                continue;
            }
            // The builder leaves what is there already.
            if dir.exists() {
                std::fs::remove_dir_all(&dir).with_context(|| format!("cannot empty {}", dir.display()))?;
            }
            std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
            context.volume().say(announcement(image, build, &stack.project));
            perform(context, &ask, short)?;
            let materials = Materials::read(&dir).with_context(|| format!("cannot read what is in {image}"))?;
            // An application in another language has no crates, and perhaps no lock file.
            let locked = if materials.crates.is_empty() { String::new() } else { read(&lock)? };
            let commit = if let Source::Commit(commit) = &stack.source { Some(commit) } else { None };
            let text = document(Subject { name, tag, commit }, &materials, &Lock::parse(&locked)?);
            let file = out.join(format!("{short}.cdx.json"));
            let written = std::fs::create_dir_all(&out).and_then(|()| std::fs::write(&file, text));
            written.with_context(|| format!("cannot write {}", file.display()))?;
            context.volume().say(format!("{} crates, {} packages", materials.crates.len(), materials.packages.len()));
            product(file.display().to_string());
        }
        Ok(())
    }
}

fn read(file: &Path) -> anyhow::Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))
}

/// What is built to know what is in `image`, and what is quicker.
fn announcement(image: &str, build: &Build, project: &Project) -> String {
    let builds = format!("building the stage `sbom` of {} for {image}", build.dockerfile().display());
    if build.target.is_none() {
        return format!("{builds}: quick where the image was built of the same sources, minutes where not");
    }
    // In development the program is in a volume: nothing has built it in this way yet.
    format!(
        "{builds}: the environment {} has no program in this image, so one is compiled, which takes minutes\n  \
         what is shipped: `cargo xtask images build --env production`, then `cargo xtask images sbom --env production`, which compiles nothing again",
        project.environment
    )
}

/// Runs `ask`, and says what a Dockerfile without the stage lacks.
fn perform(context: &Context, ask: &Invocation, image: &str) -> anyhow::Result<()> {
    context.perform_as(ask, &format!("building the stage `sbom` for {image}")).map_err(|error| {
        if error.to_string().contains(STAGE) {
            return Failure::new(format!("the Dockerfile of `{image}` does not say what is in the image: it has no stage `sbom`"))
                .hint("docs/images.md says what this stage writes")
                .into();
        }
        error
    })
}

/// The images of the services `names`, or all of ours, with how each is built.
fn chosen<'a>(model: &'a Model, names: &[String]) -> Result<Vec<(&'a str, &'a Build)>, Failure> {
    let builds = model.builds();
    let build = |service: &str| model.services.get(service)?.build.as_ref();
    let mut wanted = Vec::new();
    for name in names {
        let Some(service) = model.services.get(name) else {
            return Err(Failure::new(format!("there is no service `{name}`"))
                .detail(format!("services: {}", model.services.keys().cloned().collect::<Vec<_>>().join(", "))));
        };
        let image = service.image.as_deref().unwrap_or_default();
        if !builds.contains_key(image) {
            return Err(Failure::new(format!("`{name}` is not built here: it runs `{image}`"))
                .hint("whoever made this image says what is in it; a scanner can look"));
        }
        wanted.push(image);
    }
    let wanted = |image: &str| names.is_empty() || wanted.contains(&image);
    Ok(builds.into_iter().filter(|(image, _)| wanted(image)).filter_map(|(image, service)| Some((image, build(service)?))).collect())
}
