//! A backup in a throw-away instance: restored into a stack that exists for that alone, for `backup verify --drill` and `migrate check --rehearse`.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use anyhow::Context as _;
use backup::{Event, Location, Request};

use super::Session;
use crate::cli::{Context, smoke};
use crate::commands::{self, compose::Volumes};
use crate::config::environment::{Environment, TlsMode, Variable};
use crate::config::values::{Bind, Host, Port};
use crate::data::agent::{self, Access, Agent, sources};
use crate::data::store::Backup;
use crate::model::{Data, Model};
use crate::ports::PROXY;
use crate::stack::Stack;

/// The first port that a throw-away instance looks for.
const PORT: u16 = 18_900;

/// Restores `backup` of `session` into a throw-away instance, starts the application on it, asks whether it does what it is for, and removes all of it.
///
/// # Errors
/// When it does not restore as it was, or the application does not work on it. The stack itself is not touched.
pub(super) fn drill(context: &Context, session: &Session<'_>, backup: &Backup) -> anyhow::Result<()> {
    elsewhere(
        context,
        session,
        backup,
        |_| true,
        |copy, data| {
            let model = &copy.resolved.model;
            let servers = copy.servers(data);
            let services = application(model, &servers);
            let mut started: BTreeSet<String> = services.clone();
            started.extend(model.migrations.as_ref().map(|migrations| migrations.service.clone()));
            if !lend(context, session, copy, &started)? {
                return Ok(());
            }
            if let Some(migrations) = &model.migrations {
                copy.resolved.compose.run(&migrations.service, &migrations.up).read()?;
            }
            context.volume().say(format!("starting on it: {}", services.iter().cloned().collect::<Vec<_>>().join(", ")));
            copy.bring_up(&services)?;
            smoke::ask(context, &copy.stack, |name| services.contains(name) || servers.contains(name))
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
    let stack = Stack::load_as(own.project.drill()?, |environment| set_apart(environment, &session.resolved.model))?;
    let mut stack = agent::with_service(stack)?;
    // Nothing is built for it.
    stack.compose = stack.compose.with("IMAGE_TAG", own.source.tag());
    stack.compose.down(Volumes::Remove).read()?;
    let outcome = Session::at(context, stack.clone(), "drill").and_then(|copy| {
        let data = restore(context, session, &copy, backup, wanted)?;
        then(&copy, &data)
    });
    let removed = stack.compose.down(Volumes::Remove).read().map(drop);
    crate::stack::volumes::forget(&stack.project);
    // Only what lies beside backups that it does not have.
    let _ = std::fs::remove_dir_all(agent::directory(&stack));
    outcome.and(removed)
}

/// It answers on this machine alone, beside the one that people use, and nobody hears from it.
fn set_apart(environment: &mut Environment, model: &Model) {
    environment.proxy.bind = Bind(IpAddr::V4(Ipv4Addr::LOCALHOST));
    environment.proxy.port = Port(PORT);
    environment.proxy.port_fallback = true;
    environment.tls.mode = TlsMode::Off;
    environment.site.aliases.push(Host::local());
    environment.mail.password = false;
    environment.variables.extend(model.drill.iter().map(|(name, value)| (name.clone(), Variable(value.clone()))));
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
    let request = Request::Restore { backup: location, parts: sources(&data), newest_migration: None, others: Vec::new(), devices: true };
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

/// What needs one of `servers`, and the proxy with all that it needs; not the databases themselves, nor who compiles.
fn application(model: &Model, servers: &BTreeSet<String>) -> BTreeSet<String> {
    let uses =
        |name: &String| model.services[name].depends_on.keys().any(|need| servers.contains(need)) && model.services[name].ports.is_empty();
    let mut services: BTreeSet<String> = model.services.keys().filter(|name| uses(name)).cloned().collect();
    if model.services.contains_key(PROXY.0) {
        services.insert(PROXY.0.to_owned());
        services.extend(model.needs(PROXY.0));
    }
    let builder = model.develop.as_ref().map(|develop| develop.builder.as_str());
    services.retain(|name| !model.one_shot(name) && !servers.contains(name) && builder != Some(name));
    services
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::sample;

    #[test]
    fn the_application_is_started_and_one_shots_are_not() {
        let services = application(&sample(), &BTreeSet::from(["db", "redis"].map(str::to_owned)));
        assert_eq!(services, BTreeSet::from(["backend", "frontend", "proxy"].map(str::to_owned)));
    }
}
