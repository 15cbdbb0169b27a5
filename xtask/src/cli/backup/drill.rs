//! A backup in a throw-away instance: restored into a stack that exists for that alone, for `backup verify --drill` and `migrate check --rehearse`.

use std::collections::BTreeSet;

use anyhow::Context as _;
use backup::{Event, Location, Request};

use super::Session;
use crate::cli::Context;
use crate::commands::{self, compose::Volumes};
use crate::data::agent::{self, Access, Agent, sources};
use crate::data::store::Backup;
use crate::model::{Data, Model};
use crate::stack::Stack;

/// Restores `backup` of `session` into a throw-away instance, starts what uses its databases, and removes all of it.
///
/// # Errors
/// When it does not restore as it was, or the application does not start on it. The stack itself is not touched.
pub(super) fn drill(context: &Context, session: &Session<'_>, backup: &Backup) -> anyhow::Result<()> {
    elsewhere(
        context,
        session,
        backup,
        |_| true,
        |copy, data| {
            let model = &copy.resolved.model;
            let users = users(model, &copy.servers(data));
            let mut started: BTreeSet<String> = users.clone();
            started.extend(model.migrations.as_ref().map(|migrations| migrations.service.clone()));
            if !lend(context, session, copy, &started)? {
                return Ok(());
            }
            if let Some(migrations) = &model.migrations {
                copy.resolved.compose.run(&migrations.service, &migrations.up).read()?;
            }
            context.volume().say(format!("starting on it: {}", users.iter().cloned().collect::<Vec<_>>().join(", ")));
            copy.bring_up(&users)
        },
    )
}

/// Restores the parts of `backup` that are `wanted` into a throw-away instance, does `then` with it, and removes all of it.
///
/// # Errors
/// When it does not restore as it was, or `then` fails. The stack itself is not touched.
pub(in crate::cli) fn elsewhere(
    context: &Context,
    session: &Session<'_>,
    backup: &Backup,
    wanted: impl Fn(&Data) -> bool,
    then: impl FnOnce(&Session<'_>, &[Data]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let own = &session.stack;
    let mut stack = agent::with_service(Stack::load(own.project.drill()?)?)?;
    // Nothing is built for it.
    stack.compose = stack.compose.with("IMAGE_TAG", own.source.tag());
    stack.compose.down(Volumes::Remove).read()?;
    let outcome = Session::at(context, stack.clone(), "drill").and_then(|copy| {
        let data = restore(context, session, &copy, backup, wanted)?;
        then(&copy, &data)
    });
    let removed = stack.compose.down(Volumes::Remove).read().map(drop);
    // Only what lies beside backups that it does not have.
    let _ = std::fs::remove_dir_all(agent::directory(&stack));
    outcome.and(removed)
}

/// Restores into `copy`; returns what that has now.
fn restore(
    context: &Context,
    session: &Session<'_>,
    copy: &Session<'_>,
    backup: &Backup,
    wanted: impl Fn(&Data) -> bool,
) -> anyhow::Result<Vec<Data>> {
    let (agent, location) = match backup.location(session.repository().as_ref())? {
        Location::File(_) => (copy.agent()?.with_file(&session.directory().join(backup.file()))?, Location::File(Agent::FILE.to_owned())),
        // It is that of the environment, which both have.
        snapshot @ Location::Snapshot { .. } => (copy.agent()?, snapshot),
    };
    let has = |data: &&Data| wanted(data) && backup.manifest.part(&data.source.name).is_some();
    let data: Vec<Data> = copy.data.iter().filter(has).cloned().collect();
    context.volume().say(format!("restoring {} into {}", backup.id(), copy.stack.project.compose_name()));
    copy.start(&data)?;
    // The agent compares rows and digests with the manifest before it puts anything into place.
    let request = Request::Restore { backup: location, parts: sources(&data), newest_migration: None };
    let Event::Done { .. } = agent.ask(&request, Access::Write, &data)? else {
        anyhow::bail!("the agent answered something else than that it is done");
    };
    Ok(data)
}

/// Gives `services` of `copy` what they have mounted besides data, as the programs of development; says and returns whether there is any to give.
///
/// # Errors
/// When it cannot be copied.
pub(in crate::cli) fn lend(
    context: &Context,
    session: &Session<'_>,
    copy: &Session<'_>,
    services: &BTreeSet<String>,
) -> anyhow::Result<bool> {
    let Some(develop) = &copy.resolved.model.develop else { return Ok(true) };
    let names: Vec<String> = services.iter().cloned().collect();
    // Compose makes the volumes, so that it also removes them.
    copy.resolved.compose.create_only(&names).read()?;
    let there = commands::engine::volumes(&session.stack.project.compose_name()).read()?;
    let image = agent::image(&copy.resolved.model).context("the agent has an image")?;
    for (from, to) in lent(&session.resolved.model, &copy.resolved.model, services) {
        if !there.lines().any(|volume| volume == from) {
            context
                .volume()
                .say(format!("programs are in the volume {from} of `{}`, which is not there: nothing is started", develop.builder));
            return Ok(false);
        }
        commands::engine::copy_volume(image, &from, &to).read()?;
    }
    Ok(true)
}

/// The volumes without data that `services` have mounted: their names in one stack, and in another.
fn lent(from: &Model, to: &Model, services: &BTreeSet<String>) -> BTreeSet<(String, String)> {
    let data: BTreeSet<String> = from.data().into_iter().map(|data| data.volume).collect();
    let mounted = services.iter().filter_map(|name| from.services.get(name)).flat_map(|service| service.named_volumes());
    let pairs = mounted.filter_map(|key| {
        let key = key.to_str()?;
        Some((from.volumes.get(key)?.name.clone(), to.volumes.get(key)?.name.clone()))
    });
    pairs.filter(|(from, _)| !data.contains(from)).collect()
}

/// The services that need one of `servers` and are reached by nobody from outside: they say by their own health checks whether they are well.
fn users(model: &Model, servers: &BTreeSet<String>) -> BTreeSet<String> {
    let uses = |name: &String| model.services[name].depends_on.keys().any(|need| servers.contains(need));
    let fits = |name: &&String| uses(name) && !model.one_shot(name) && model.services[*name].ports.is_empty();
    model.services.keys().filter(fits).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::sample;

    #[test]
    fn what_uses_a_database_is_started_and_one_shots_are_not() {
        let users = users(&sample(), &BTreeSet::from(["db".to_owned()]));
        assert_eq!(users, BTreeSet::from(["backend".to_owned()]));
    }
}
