//! `clean`: nothing of this instance is left, its data included.

use std::collections::{BTreeMap, BTreeSet};
use std::io::IsTerminal as _;

use ::backup::{DUMP, WORK};
use anyhow::Context as _;
use clap::Args;

use super::confirm::confirm;
use super::{Context, backup, own_images};
use crate::commands::{self, compose::Volumes};
use crate::data::{agent, metrics, store};
use crate::process::Invocation;
use crate::report::{Failure, product};
use crate::stack::{Stack, join, volumes};

/// Destroy all containers, networks, volumes and images of this instance, after asking
#[derive(Args)]
pub(crate) struct Clean {}

/// What there is of one instance, by name. Everything but images is found by Compose's project label. A container that somebody ran by hand from an
/// image of ours carries it too, from the image, and has to go for the image to go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Belongings {
    containers: Vec<String>,
    networks: Vec<String>,
    volumes: Vec<String>,
    images: Vec<String>,
}

impl Clean {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        let stack = context.stack_on_engine()?;
        // Refuses where the containers are another checkout's.
        stack.containers()?;
        stack.check_volumes()?;
        let name = stack.project.compose_name();
        let find = || Belongings::find(&name, &stack.project.instance);
        let found = find()?;
        if found.is_empty() {
            context.volume().say(format!("there is nothing of {name}"));
            return Ok(());
        }
        // Counting takes the engine seconds; whoever agreed beforehand does not read it.
        let sizes = if context.globals.yes { BTreeMap::new() } else { sizes() };
        product(found.with_sizes(&sizes).to_string());
        let mut commands = vec![stack.compose.down(Volumes::Remove)];
        if context.dry_run() {
            commands.extend(found.removal());
            commands.iter().for_each(|command| product(command.to_string()));
            return Ok(());
        }
        offer_backup(context, &stack, &found)?;
        let question = format!("Destroy all this, environment {}? There is no way back", stack.project.environment);
        if !confirm(&question, context.globals.yes)? {
            return Err(Failure::new("nothing was destroyed").into());
        }
        let _lock = context.lock(&stack)?;
        // Compose knows the right order; what its files no longer name is removed by label afterwards.
        if let Err(error) = commands.remove(0).read() {
            context.volume().say(format!("{error}\nremoving one by one instead"));
        }
        find()?.remove(context)?;
        forget_savepoints(&stack)?;
        volumes::forget(&stack.project);
        let left = find()?;
        if !left.is_empty() {
            return Err(Failure::new(format!("not everything of {name} could be removed"))
                .detail(left.to_string().replace('\n', "\n  "))
                .into());
        }
        context.volume().say(format!("nothing of {name} is left; base images, backups and infra/secrets/ stay"));
        Ok(())
    }
}

/// Before data is gone for good, a person is told of the newest backup, and may have another one made.
fn offer_backup(context: &Context, stack: &Stack, found: &Belongings) -> anyhow::Result<()> {
    if context.globals.yes || found.volumes.is_empty() || !std::io::stdin().is_terminal() {
        return Ok(());
    }
    let newest = store::list(&agent::directory(stack))?.pop();
    let newest = newest.map_or_else(|| "there is no backup".to_owned(), |backup| format!("the newest backup is {}", backup.id()));
    if confirm(&format!("{newest}; make one now?"), false)? { backup::Backup::default().run(context) } else { Ok(()) }
}

/// What is said of save points goes with the volumes that had them, and so do a restore that was interrupted and the dump of a database that is gone. What
/// is said of backups is written again where somebody wants it.
fn forget_savepoints(stack: &Stack) -> anyhow::Result<()> {
    for name in ["snapshots", WORK, DUMP, metrics::DIRECTORY] {
        let path = agent::directory(stack).join(name);
        if path.exists() {
            std::fs::remove_dir_all(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    // It goes where nothing else is in it.
    let _ = std::fs::remove_dir(agent::directory(stack));
    Ok(())
}

/// What volumes take, by name, where the engine says it.
fn sizes() -> BTreeMap<String, String> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Volume {
        name: String,
        size: String,
    }
    let text = commands::engine::volume_sizes().read().unwrap_or_default();
    let volumes: Vec<Volume> = serde_json::from_str(&text).unwrap_or_default();
    volumes.into_iter().map(|volume| (volume.name, volume.size)).collect()
}

/// Removes everything of the instances whose names begin with that of `stack` and `-`: tests make them beside it, and one that was killed, or that
/// keeps compiled programs for the next one, leaves them.
pub(super) fn sweep_beside(context: &Context, stack: &Stack) -> anyhow::Result<()> {
    let (project, instance) = (stack.project.compose_name(), &stack.project.instance);
    let mut beside = BTreeSet::new();
    for question in commands::engine::projects() {
        let names = question.read()?;
        beside.extend(names.lines().filter_map(|name| name.strip_prefix(&project)?.strip_prefix('-').map(str::to_owned)));
    }
    beside.iter().try_for_each(|name| Belongings::find(&format!("{project}-{name}"), &format!("{instance}-{name}"))?.remove(context))
}

impl Belongings {
    fn find(project: &str, instance: &str) -> anyhow::Result<Self> {
        let names = |question: Invocation| Ok(question.read()?.lines().map(str::to_owned).collect::<Vec<_>>());
        std::thread::scope(|scope| {
            let containers = scope.spawn(|| names(commands::engine::container_names(project)));
            let networks = scope.spawn(|| names(commands::engine::networks(project)));
            let volumes = scope.spawn(|| names(commands::engine::volumes(project)));
            let images = own_images(project, instance)?;
            Ok(Self { containers: join(containers)?, networks: join(networks)?, volumes: join(volumes)?, images })
        })
    }

    fn kinds(&self) -> [(&'static str, &[String]); 4] {
        [("containers", &self.containers), ("networks", &self.networks), ("volumes", &self.volumes), ("images", &self.images)]
    }

    /// With the size behind each volume that has one.
    fn with_sizes(&self, sizes: &BTreeMap<String, String>) -> Self {
        let named = |name: &String| sizes.get(name).map_or_else(|| name.clone(), |size| format!("{name}  {size}"));
        Self { volumes: self.volumes.iter().map(named).collect(), ..self.clone() }
    }

    fn is_empty(&self) -> bool {
        self.kinds().iter().all(|(_, names)| names.is_empty())
    }

    fn remove(&self, context: &Context) -> anyhow::Result<()> {
        self.removal().iter().try_for_each(|command| {
            context.volume().detail(format!("running {command}"));
            command.read().map(drop)
        })
    }

    /// The commands that remove each of them, users before what they use.
    fn removal(&self) -> Vec<Invocation> {
        let builders: [fn(&[String]) -> Invocation; 4] =
            [commands::engine::remove, commands::engine::remove_networks, commands::engine::remove_volumes, commands::images::remove];
        let kinds = self.kinds().into_iter().zip(builders);
        kinds.filter(|((_, names), _)| !names.is_empty()).map(|((_, names), build)| build(names)).collect()
    }
}

impl std::fmt::Display for Belongings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let lines = self.kinds().into_iter().filter(|(_, names)| !names.is_empty());
        let lines: Vec<String> = lines.map(|(kind, names)| format!("{kind:<10}  {}", names.join("\n            "))).collect();
        write!(f, "{}", lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Belongings {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Belongings {
            containers: names(&["slipway-fix-db-1", "slipway-fix-redis-1"]),
            networks: Vec::new(),
            volumes: names(&["slipway-fix_postgres-data"]),
            images: names(&["slipway/backend:fix"]),
        }
    }

    #[test]
    fn all_that_will_be_destroyed_is_listed() {
        insta::assert_snapshot!(sample(), @r"
        containers  slipway-fix-db-1
                    slipway-fix-redis-1
        volumes     slipway-fix_postgres-data
        images      slipway/backend:fix
        ");
    }

    #[test]
    fn each_kind_is_removed_by_name_and_only_if_there_is_any() {
        let lines: Vec<String> = sample().removal().iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        docker container rm --force slipway-fix-db-1 slipway-fix-redis-1
        docker volume rm slipway-fix_postgres-data
        docker image rm slipway/backend:fix
        ");
        let sizes = BTreeMap::from([("slipway-fix_postgres-data".to_owned(), "1.2GB".to_owned())]);
        assert_eq!(sample().with_sizes(&sizes).volumes, ["slipway-fix_postgres-data  1.2GB"]);
        assert!(Belongings::default().is_empty() && Belongings::default().removal().is_empty());
    }
}
