//! Making a machine ready for the stack: look, plan, say, do. On a ready machine it only looks.

mod apply;
mod images;
mod look;
mod plan;
mod refusal;
mod sources;
mod system;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use self::look::remote;
use crate::commands;
use crate::config::environment::Environment;
use crate::images::base::{self, Variable};
use crate::model::{Kind, Model};
use crate::project::Project;
use crate::report::{ExitWith, Failure, Volume, product};
use crate::secrets::{self, Secret};
use crate::stack::{Stack, join};

/// An engine may turn out to be too old only after it was started.
const ROUNDS: usize = 3;

/// What to make ready, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// How much of it.
    pub(crate) scope: Scope,
    /// Print the plan to stdout and do nothing.
    pub(crate) dry_run: bool,
    /// How much is said.
    pub(crate) volume: Volume,
}

/// How much is made ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The engine: what only root can do.
    Engine,
    /// Also base images and secrets of the environment.
    All,
}

/// What the environment needs and what of it is here.
struct Wants {
    variables: Vec<Variable>,
    images: BTreeMap<String, String>,
    model: Model,
    environment: Environment,
}

/// Makes the machine ready for `project`; returns whether there was anything to do.
///
/// # Errors
/// When the machine is one that we do not change, or a step fails.
pub(crate) fn run(project: &Project, options: Options) -> anyhow::Result<bool> {
    let mut busy = false;
    for _ in 0..ROUNDS {
        let (engine, wants) = std::thread::scope(|scope| {
            let wants = scope.spawn(|| Wants::look(project));
            anyhow::Ok((look::Engine::look()?, join(wants)))
        })?;
        if engine.ready() {
            let wants = if options.scope == Scope::All { Some(wants?) } else { None };
            return Ok(wants.map_or(Ok(false), |wants| complete(project, &wants, options))? || busy);
        }
        busy = true;
        let machine = plan::Machine::look(engine);
        let steps = plan::engine(&machine)?;
        announce(&steps.iter().map(ToString::to_string).collect::<Vec<_>>(), options);
        if options.dry_run {
            if options.scope == Scope::All {
                product("then whatever base images and secrets turn out to be missing: they can be looked for once the engine runs");
            }
            return Err(ExitWith(0).into());
        }
        steps.iter().try_for_each(|step| apply::step(step, options.volume))?;
    }
    let engine = look::Engine::look()?;
    match engine.trouble {
        Some(trouble) => Err(trouble.failure().into()),
        None if engine.ready() => run(project, options),
        None => Err(Failure::new("Compose or buildx was installed, but `docker` does not find it")
            .hint("`docker info` lists the plugins that it finds, and where")
            .into()),
    }
}

impl Wants {
    fn look(project: &Project) -> anyhow::Result<Self> {
        let Stack { compose, environment, .. } = Stack::load(project.clone())?;
        std::thread::scope(|scope| {
            let model = scope.spawn(|| Model::parse(&compose.model().read()?));
            let images = commands::engine::images().read()?;
            Ok(Self {
                variables: base::variables(&compose.files()),
                images: crate::images::parse_list(&images),
                model: join(model)?,
                environment,
            })
        })
    }
}

/// On a machine with an engine: base images and secrets. Returns whether there was anything to do.
fn complete(project: &Project, wants: &Wants, options: Options) -> anyhow::Result<bool> {
    let tags = base::local_tags(project)?;
    let missing = images::Missing::find(&wants.variables, &wants.images, &tags);
    let missing_secrets: Vec<Secret> = secrets::of(project, &wants.model)
        .into_iter()
        .filter(|secret| wants.environment.secrets.generate && secret.note.kind == Kind::Random && !secret.file.exists())
        .collect();
    let mut plan = Vec::new();
    let mut prepared = None;
    if !missing.variables.is_empty() {
        let machine = plan::Machine::look(look::Engine::look()?);
        let recipe = images::Recipe::new(project, &tags, &machine)?;
        plan.push(missing.describe(&recipe));
        prepared = Some((machine, recipe));
    }
    plan.extend(missing_secrets.iter().map(|secret| format!("make the secret {}", secret.shown(project))));
    if plan.is_empty() {
        return Ok(false);
    }
    announce(&plan, options);
    if options.dry_run {
        return Ok(true);
    }
    if let Some((machine, recipe)) = &prepared {
        apply::images(&missing, recipe, machine, options.volume)?;
    }
    secrets::make_random(project, &missing_secrets.iter().collect::<Vec<_>>(), options.volume, || crate::stack::has_data(project))?;
    Ok(true)
}

/// Builds the local equivalents of all base images of `project`'s environment, also those that are here.
///
/// # Errors
/// When a build fails.
pub(crate) fn build_base(project: &Project, options: Options) -> anyhow::Result<()> {
    let wants = Wants::look(project)?;
    let tags = base::local_tags(project)?;
    let machine = plan::Machine::look(look::Engine::look()?);
    let recipe = images::Recipe::new(project, &tags, &machine)?;
    let names: BTreeSet<String> = wants.variables.iter().map(Variable::short).chain([images::RUNTIME.to_owned()]).collect();
    if options.dry_run {
        recipe.lines(&names).iter().for_each(product);
        return Ok(());
    }
    apply::build(&names, &recipe, &machine, options.volume)
}

/// Says what will be changed, before anything is.
fn announce(plan: &[String], options: Options) {
    let text = plan.iter().fold("setup will:".to_owned(), |text, step| format!("{text}\n- {step}"));
    if options.dry_run { product(text) } else { options.volume.say(text) }
}
