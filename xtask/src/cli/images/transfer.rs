//! `images push`, `save` and `load`: from the machine that builds to those that run.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::Args;

use crate::cli::Context;
use crate::commands;
use crate::images::{archive, needed::Needed};
use crate::report::{Failure, human_bytes, product};
use crate::stack::Stack;

/// Write all images of the environment, base images included, into an archive for machines without a registry
#[derive(Args)]
pub(super) struct Save {
    /// The archive [default: slipway-<tag>.tar]
    file: Option<PathBuf>,
}

/// Take the images of an archive in
#[derive(Args)]
pub(super) struct Load {
    /// The archive, as `images save` wrote it
    file: PathBuf,
}

/// Pushes our own images.
///
/// # Errors
/// When there is nowhere to push them to, they are not what their tag says, or the registry refuses them.
pub(super) fn push(context: &Context, stack: &Stack) -> anyhow::Result<()> {
    let repository = &stack.environment.images.repository;
    let flags = stack.project.flags();
    let Some(registry) = repository.registry() else {
        return Err(Failure::new(format!("there is nowhere to push images to: `{repository}` names no registry"))
            .hint(format!(
                "set `images.repository` in infra/env/{}.toml, for example \"registry.example.com/board\"",
                stack.project.environment
            ))
            .hint(format!("`cargo xtask images save{flags}` takes images to a machine without a registry"))
            .into());
    };
    stack.source.check_pushable(&flags)?;
    let needed = Needed::look(stack)?;
    let own: Vec<String> = needed.own().map(str::to_owned).collect();
    needed.check_here(stack, &own, "images that are to be pushed are not here")?;
    let services: Vec<String> = needed.model.builds().into_values().map(str::to_owned).collect();
    if !context.dry_run() {
        context.volume().say(format!("pushing {}", own.join(", ")));
    }
    context.perform(&needed.compose.push(&services)).map_err(|error| match error.downcast::<Failure>() {
        Ok(failure) => failure.hint(format!("`docker login {registry}` says who you are, where `{registry}` asks for it")).into(),
        Err(error) => error,
    })?;
    if !context.dry_run() {
        product(own.join("\n"));
    }
    Ok(())
}

impl Save {
    pub(super) fn run(self, context: &Context, stack: &Stack) -> anyhow::Result<()> {
        let file = self.file.unwrap_or_else(|| format!("slipway-{}.tar", stack.source.tag()).into());
        check_target(&file)?;
        let needed = Needed::look(stack)?;
        let images = needed.all();
        needed.check_here(stack, &images, "images that are to be saved are not here")?;
        let unfinished = unfinished(&file);
        let save = commands::images::save(&images, &unfinished);
        if context.dry_run() {
            return context.perform(&save);
        }
        context.volume().say(format!("saving {}", images.join(", ")));
        let bytes = context.perform(&save).and_then(|()| finish(&unfinished, &file, &images)).inspect_err(|_| {
            // What the engine wrote so far is of no use; where nothing was written, there is nothing to remove.
            let _ = std::fs::remove_file(&unfinished);
        })?;
        context.volume().say(format!(
            "{} images, {}; on the other machine: `cargo xtask images load FILE`",
            images.len(),
            human_bytes(bytes)
        ));
        product(file.display().to_string());
        Ok(())
    }
}

/// Refuses a file that would be lost, and a directory that is not there.
fn check_target(file: &Path) -> Result<(), Failure> {
    let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if file.symlink_metadata().is_ok() {
        return Err(Failure::new(format!("{} is there already", file.display()))
            .hint("name another file, `cargo xtask images save FILE`, or remove that one"));
    }
    if !dir.is_dir() {
        return Err(Failure::new(format!("{} cannot be written: {} is no directory", file.display(), dir.display())));
    }
    Ok(())
}

/// The name of an archive that is not complete: nobody takes it for one that is.
fn unfinished(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

/// Gives what was saved its name, once it is on the disk and has every one of `images`; returns its size.
fn finish(unfinished: &Path, file: &Path, images: &[String]) -> anyhow::Result<u64> {
    let saved = read(unfinished)?;
    if let Some(missing) = images.iter().find(|image| !saved.contains(image)) {
        anyhow::bail!("the engine wrote an archive without `{missing}`");
    }
    let written = File::options().write(true).open(unfinished)?;
    written.sync_all().with_context(|| format!("cannot write {}", unfinished.display()))?;
    // Somebody else may have made one meanwhile.
    check_target(file)?;
    std::fs::rename(unfinished, file).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(written.metadata()?.len())
}

/// The names of the images in `file`.
fn read(file: &Path) -> anyhow::Result<Vec<String>> {
    let refuse = |why: String| {
        Failure::new(format!("{} cannot be loaded: {why}", file.display())).hint("`cargo xtask images save` writes archives of images")
    };
    let opened = File::open(file).map_err(|error| refuse(error.to_string()))?;
    if opened.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err(refuse("it is a directory".to_owned()).into());
    }
    let names = archive::images(BufReader::new(opened)).map_err(|error| refuse(error.to_string()))?;
    Ok(names.map_err(|why| refuse(why.to_owned()))?)
}

impl Load {
    pub(super) fn run(self, context: &Context, stack: &Stack) -> anyhow::Result<()> {
        let names = read(&self.file)?;
        context.perform(&commands::images::load(&self.file))?;
        if context.dry_run() {
            return Ok(());
        }
        product(names.join("\n"));
        let needed = Needed::look(stack)?;
        let (environment, volume) = (&stack.project.environment, context.volume());
        match needed.check_here(stack, &needed.all(), &format!("`{environment}` needs images that are not here yet:")) {
            Ok(()) => volume.say(format!("all images of `{environment}` are here: `cargo xtask up{}`", stack.project.flags())),
            // The archive came in, which is all that was asked.
            Err(missing) => volume.say(missing.to_string()),
        }
        Ok(())
    }
}
