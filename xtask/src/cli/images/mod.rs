//! `images`: the images that the environment uses: building them, taking them to other machines, and saying what is in them.

mod fetch;
mod sbom;
mod transfer;

use clap::{Args, Subcommand};

pub(super) use self::fetch::{check_fetchable, fetch};
use super::up::build;
use super::{Context, rebuild};
use crate::commands;
use crate::data::agent;
use crate::images::{base, inventory};
use crate::model::Model;
use crate::report::{product, table};
use crate::setup::{self, Options, Scope};
use crate::stack::{Stack, join};

/// List, build and transfer the images that the environment uses
#[derive(Args)]
pub(crate) struct Images {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Our own images and the base images they are made from, missing ones included
    List,
    /// Build our own images
    Build(Build),
    /// Push our own images to the registry that `images.repository` names
    Push,
    Save(transfer::Save),
    Load(transfer::Load),
    Sbom(sbom::Sbom),
}

/// What to build.
#[derive(Args)]
struct Build {
    /// The services whose images are built [default: all that are built here]
    services: Vec<String>,
    /// Build the local equivalents of the base images instead, also where the official ones are here
    #[arg(long, conflicts_with = "services")]
    base: bool,
}

impl Images {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        // Backups need an image of their own, wherever the stack runs.
        let stack = agent::with_service(context.stack_on_engine()?)?;
        match self.action {
            Action::List => list(&stack),
            Action::Build(Build { base: true, .. }) => {
                let options = Options { scope: Scope::All, dry_run: context.dry_run(), volume: context.volume() };
                setup::build_base(&stack.project, options)
            }
            Action::Build(Build { services, .. }) => {
                let resolved = stack.resolve()?;
                let services = rebuild::builders(&resolved, &services)?;
                stack.check_buildable()?;
                build(context, &resolved, &services)
            }
            Action::Push => transfer::push(context, &stack),
            Action::Save(save) => save.run(context, &stack),
            Action::Load(load) => load.run(context, &stack),
            Action::Sbom(sbom) => sbom.run(context, &stack),
        }
    }
}

fn list(stack: &Stack) -> anyhow::Result<()> {
    let (here, model) = std::thread::scope(|scope| {
        let model = scope.spawn(|| Model::parse(&stack.compose.model().read()?));
        let here = inventory::parse(&commands::images::list().read()?);
        anyhow::Ok((here, join(model)?))
    })?;
    let variables = base::variables(&stack.compose.files());
    let entries = inventory::entries(&model, &variables, &here, &base::local_tags(&stack.project)?);
    let rows: Vec<[String; 5]> = entries.into_iter().map(row).collect();
    product(table(["IMAGE", "ID", "SIZE", "BUILT", "FOR"], &rows));
    Ok(())
}

fn row(entry: inventory::Entry) -> [String; 5] {
    let [id, size, age] = match entry.facts {
        Some(facts) => [facts.id, facts.size, facts.age],
        None => ["missing", "-", "-"].map(str::to_owned),
    };
    [entry.image, id, size, age, entry.purpose]
}
