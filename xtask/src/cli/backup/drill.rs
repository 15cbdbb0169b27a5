//! `backup verify --drill`: a backup is restored into a stack that exists for that alone, and the application is started on it.

use std::collections::BTreeSet;

use backup::{Event, Location, Request};

use super::Session;
use crate::cli::Context;
use crate::commands::compose::Volumes;
use crate::data::agent::{self, Access, Agent, sources};
use crate::data::store::Backup;
use crate::model::{Data, Model};
use crate::project::{Project, check_name};
use crate::stack::Stack;

/// Restores `backup` of `session` into a throw-away instance, starts what uses its databases, and removes all of it.
///
/// # Errors
/// When it does not restore as it was, or the application does not start on it. The stack itself is not touched.
pub(super) fn drill(context: &Context, session: &Session<'_>, backup: &Backup) -> anyhow::Result<()> {
    let own = &session.stack;
    let instance = format!("{}-drill", own.project.instance);
    check_name("instance", &instance)?;
    let project = Project { instance, ..own.project.clone() };
    let mut stack = agent::with_service(Stack::load(project)?)?;
    // Nothing is built for it.
    stack.compose = stack.compose.with("IMAGE_TAG", own.source.tag());
    stack.compose.down(Volumes::Remove).read()?;
    let outcome = rehearse(context, stack.clone(), session, backup);
    let removed = stack.compose.down(Volumes::Remove).read().map(drop);
    // Only what lies beside backups that it does not have.
    let _ = std::fs::remove_dir_all(agent::directory(&stack));
    outcome.and(removed)
}

fn rehearse(context: &Context, stack: Stack, session: &Session<'_>, backup: &Backup) -> anyhow::Result<()> {
    let drill = Session::at(context, stack, "drill")?;
    let (agent, location) = match backup.location(session.repository().as_ref())? {
        Location::File(_) => (drill.agent()?.with_file(&session.directory().join(backup.file()))?, Location::File(Agent::FILE.to_owned())),
        // It is that of the environment, which both have.
        snapshot @ Location::Snapshot { .. } => (drill.agent()?, snapshot),
    };
    let has = |data: &&Data| backup.manifest.part(&data.source.name).is_some();
    let data: Vec<Data> = drill.data.iter().filter(has).cloned().collect();
    context.volume().say(format!("restoring {} into {}", backup.id(), drill.stack.project.compose_name()));
    drill.start(&data)?;
    // The agent compares rows and digests with the manifest before it puts anything into place.
    let request = Request::Restore { backup: location, parts: sources(&data), newest_migration: None };
    let Event::Done { .. } = agent.ask(&request, Access::Write, &data)? else {
        anyhow::bail!("the agent answered something else than that it is done");
    };
    let model = &drill.resolved.model;
    if let Some(develop) = &model.develop {
        context.volume().say(format!("its programs are in the volume of `{}`, so they were not started on it", develop.builder));
        return Ok(());
    }
    if let Some(migrations) = &model.migrations {
        drill.resolved.compose.run(&migrations.service, &migrations.up).read()?;
    }
    let users = users(model, &agent.servers(&data));
    context.volume().say(format!("starting on it: {}", users.iter().cloned().collect::<Vec<_>>().join(", ")));
    drill.bring_up(&users)
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
