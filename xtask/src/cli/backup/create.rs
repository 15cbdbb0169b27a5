//! `backup create`: all data of one moment, in one file or one snapshot.

use std::collections::BTreeMap;

use backup::{About, Event, Manifest, Request, time};
use clap::Args;
use serde_json::json;

use super::Session;
use crate::cli::{Context, notify};
use crate::data::agent::{Access, sources};
use crate::data::{metrics, store};
use crate::notify::Kind;
use crate::process::Invocation;
use crate::report::{Interrupted, human, human_bytes, product};

/// Make a backup of all data (the default)
#[derive(Args, Default)]
pub(super) struct Create {
    /// Let nobody write to the database until all files are copied; reading goes on
    #[arg(long)]
    quiesce: bool,
    /// Fail where a file changes while it is copied, instead of naming it
    #[arg(long)]
    strict: bool,
    /// Print what was made as JSON
    #[arg(long)]
    json: bool,
}

impl Create {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        let made = self.make(context);
        if let Err(error) = &made
            && !error.is::<Interrupted>()
            && let Ok(stack) = context.stack()
        {
            let details = format!("{error:#}").lines().map(str::to_owned).collect();
            notify::tell_of(context, &stack, Kind::BackupFailed, "there is no new backup", details);
        }
        made
    }

    fn make(self, context: &Context) -> anyhow::Result<()> {
        let session = Session::begin(context, "backup")?;
        session.check_running(&session.data)?;
        let agent = session.agent()?;
        let about = about(&session);
        let repository = session.repository();
        let request = Request::Create { about, parts: sources(&session.data), quiesce: self.quiesce, strict: self.strict, repository };
        if context.dry_run() {
            product(agent.command(Access::Read, &session.data).to_string());
            return Ok(());
        }
        for name in session.resolved.model.elsewhere() {
            context.volume().say(format!("warning: `{name}` is run by somebody else, and is not in this backup"));
        }
        let Event::Backup { manifest } = agent.ask(&request, Access::Read, &session.data)? else {
            anyhow::bail!("the agent answered something else than a backup");
        };
        if manifest.repository.is_none() {
            store::mark_verified(&session.directory(), &manifest.id, time::now())?;
        }
        metrics::record(&session.directory());
        if self.json {
            product(serde_json::to_string_pretty(&summary(&manifest))?);
            return Ok(());
        }
        let (data, stored) = (human_bytes(manifest.bytes()), human_bytes(store::stored(&manifest)));
        let time = human(std::time::Duration::try_from_secs_f64(manifest.seconds).unwrap_or_default());
        context.volume().say(match &manifest.repository {
            Some(snapshot) => format!("{data} of data are in {}, which is {stored} larger, after {time}", snapshot.address),
            None => {
                let file = session.directory().join(format!("{}.tar.zst", manifest.id));
                format!("{data} of data are in {} ({stored}), after {time}; it was read again and is whole", file.display())
            }
        });
        product(&manifest.id);
        Ok(())
    }
}

/// What the documentation calls the JSON of a backup.
pub(super) fn summary(manifest: &Manifest) -> serde_json::Value {
    let part = |part: &backup::Part| json!({ "name": part.name, "kind": part.kind, "bytes": part.bytes, "digest": part.digest });
    let mut summary = json!({
        "schema": 1,
        "id": manifest.id,
        "created_at": manifest.created_at,
        "environment": manifest.environment,
        "bytes": store::stored(manifest),
        "seconds": manifest.seconds,
        "parts": manifest.parts.iter().map(part).collect::<Vec<_>>(),
    });
    if let Some(snapshot) = &manifest.repository {
        summary["repository"] = json!(snapshot.address);
        summary["snapshot"] = json!(snapshot.id);
    }
    summary
}

fn about(session: &Session<'_>) -> About {
    let now = time::now();
    let project = &session.stack.project;
    let containers = session.resolved.containers.iter().filter(|container| container.running());
    let images: BTreeMap<String, String> = containers.map(|container| (container.service().to_owned(), container.image.clone())).collect();
    About {
        id: time::stamp(now),
        created_at: time::rfc3339(now),
        project: project.compose_name(),
        environment: project.environment.clone(),
        revision: revision(&project.root),
        images,
        migration_query: session.resolved.model.migrations.as_ref().and_then(|migrations| migrations.newest.clone()),
    }
}

/// The commit that is checked out, where there is git and a repository.
fn revision(root: &std::path::Path) -> Option<String> {
    let output = Invocation::new("git").args(["rev-parse", "HEAD"]).dir(root).capture().ok()?;
    Some(output.stdout.trim().to_owned()).filter(|revision| output.code == 0 && !revision.is_empty())
}
