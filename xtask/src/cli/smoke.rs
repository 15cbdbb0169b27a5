//! `smoke`: whether the stack does what it is for, asked from outside. What is asked stands in `infra/smoke.toml`; how is the business of the program
//! `smoke`, which has the TLS and the async runtime that this one does without.

mod address;

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::{Context, cargo, notify};
use crate::config::environment::TlsMode;
use crate::health;
use crate::interrupt;
use crate::model::Kind as SecretKind;
use crate::notify::Kind;
use crate::process::Invocation;
use crate::report::{ExitWith, Failure, Interrupted, Volume, product};
use crate::secrets;
use crate::stack::Stack;
use crate::status;

/// The checks, from the root.
const SUITE: &str = "infra/smoke.toml";
/// So many are asked at the same time.
const PARALLEL: u16 = 16;

/// Check a running stack from outside: each service, each route, headers, ports, settings, and one journey of a user; says which component is broken
#[derive(Args)]
pub(crate) struct Smoke {
    /// Ask this address instead of the stack on this machine; what only the engine knows is left out
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Ask only what has one of these tags; `infra/smoke.toml` has them
    #[arg(long, value_name = "TAG", value_delimiter = ',')]
    tag: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Write JUnit XML to this file
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Ask so many at the same time
    #[arg(long, value_name = "N", default_value_t = PARALLEL, value_parser = clap::value_parser!(u16).range(1..=1024))]
    parallel: u16,
    /// Ask what stands in this file
    #[arg(long, value_name = "FILE")]
    suite: Option<PathBuf>,
}

impl Smoke {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        if let Some(url) = &self.url {
            address::check(url)?;
        }
        let stack = context.stack()?;
        let facts = match &self.url {
            Some(url) => json!({ "url": url, "services": null, "flags": stack.project.flags(), "values": values(&stack), "trusted": null }),
            None => seen(&stack, |_| true)?,
        };
        // Whoever is told of this stack, or looks at it, hears nothing of others, nor of what somebody tries in a file of their own.
        let own = self.url.is_none() && self.suite.is_none();
        let mut program = self.program(context, &stack)?;
        if own && self.tag.is_empty() {
            program = program.arg(format!("--record={}", text(&status::smoke_record(&stack.project))?));
        }
        if context.dry_run() {
            product(program.to_string());
            return Ok(());
        }
        let facts = facts.to_string();
        let code =
            if own && !stack.environment.notify.is_silent() { tell(context, &stack, &program, facts)? } else { program.relay(facts)? };
        match code {
            0 => Ok(()),
            _ if interrupted(code) => Err(Interrupted.into()),
            _ => Err(ExitWith(code).into()),
        }
    }

    /// All checks, said in short.
    fn whole() -> Self {
        Self { url: None, tag: Vec::new(), json: false, junit: None, parallel: PARALLEL, suite: None }
    }

    fn program(&self, context: &Context, stack: &Stack) -> anyhow::Result<Invocation> {
        let root = &stack.project.root;
        // Relative paths are those of whoever typed them.
        let here = std::env::current_dir()?;
        let suite = self.suite.as_ref().map_or_else(|| root.join(SUITE), |path| here.join(path));
        super::announce_build(context, "smoke", "the smoke test")?;
        let mut program = cargo(["run", "--quiet", "--package", "smoke", "--", "--suite"]).dir(root);
        program = program.args([text(&suite)?, "--parallel".to_owned(), self.parallel.to_string()]);
        program = program.args(self.tag.iter().map(|tag| format!("--tag={tag}")));
        if let Some(path) = &self.junit {
            program = program.arg(format!("--junit={}", text(&here.join(path))?));
        }
        let verbose = context.globals.verbose || (!context.globals.quiet && std::io::stdout().is_terminal());
        let flags = [("--json", self.json), ("--verbose", verbose && !self.json)];
        Ok(program.args(flags.into_iter().filter(|(_, on)| *on).map(|(flag, _)| flag)))
    }
}

fn text(path: &Path) -> Result<String, Failure> {
    path.to_str().map(str::to_owned).ok_or_else(|| Failure::new(format!("the path {} is not Unicode", path.display())))
}

/// Runs the program and shows what it says; where something is broken, whoever wants to know is told the same.
fn tell(context: &Context, stack: &Stack, program: &Invocation, facts: String) -> anyhow::Result<i32> {
    let output = program.attend_with(facts)?;
    let (report, talk) = (output.stdout.trim_end(), output.stderr.trim_end());
    if !report.is_empty() {
        product(report);
    }
    if !talk.is_empty() {
        // What went wrong is said to whoever wants quiet, too.
        Volume::Normal.say(talk);
    }
    // Without a report it was the question that was wrong, and whoever ended it knows.
    if output.code != 0 && !report.is_empty() && !interrupted(output.code) {
        let details = report.lines().map(str::to_owned).collect();
        notify::tell_of(context, stack, Kind::SmokeFailed, "a smoke test found something broken", details);
    }
    Ok(output.code)
}

/// Whether a run that ended with `code` was ended by somebody, this command or the program alone: it is not known then what is broken.
fn interrupted(code: i32) -> bool {
    code == Interrupted::CODE || interrupt::requested()
}

/// Asks `stack`, of whose services only those that are `started` have to run.
///
/// # Errors
/// When something is broken; what, is shown.
pub(super) fn ask(context: &Context, stack: &Stack, started: impl Fn(&str) -> bool) -> anyhow::Result<()> {
    let program = Smoke::whole().program(context, stack)?;
    match program.relay(seen(stack, started)?.to_string())? {
        0 => Ok(()),
        code if interrupted(code) => Err(Interrupted.into()),
        _ => Err(Failure::new(format!("{} does not do what it is for", stack.project.compose_name())).into()),
    }
}

/// What is known of the stack on this machine.
fn seen(stack: &Stack, started: impl Fn(&str) -> bool) -> anyhow::Result<serde_json::Value> {
    let resolved = stack.look()?;
    if resolved.containers.is_empty() {
        let project = &stack.project;
        return Err(Failure::new(format!("{} is not running", project.compose_name()))
            .hint(format!("`cargo xtask up{}` starts it; `--url` asks one that is elsewhere", project.flags()))
            .into());
    }
    let (model, containers, flags) = (&resolved.model, &resolved.containers, stack.project.flags());
    let services: Vec<_> = health::problems(model, containers)
        .filter(|(name, _)| started(name))
        .map(|(name, problem)| {
            let next = problem.as_ref().map(|_| health::next_step(name, health::unwell(model, containers, name), &flags));
            json!({ "name": name, "problem": problem, "next": next, "stopped": health::stopped(containers, name) })
        })
        .collect();
    // One that was made here for a trial is known to nobody else.
    let own = stack.environment.tls.mode == TlsMode::SelfSigned;
    let secrets = secrets::of(&stack.project, &resolved.model);
    let trusted = secrets.iter().find(|secret| own && secret.note.kind == SecretKind::Certificate).map(|secret| &secret.file);
    Ok(json!({ "url": resolved.address.url(), "services": services, "flags": flags, "values": values(stack), "trusted": trusted }))
}

/// What checks can name.
fn values(stack: &Stack) -> BTreeMap<String, String> {
    let variables = stack.environment.variables.iter().map(|(name, value)| (name.clone(), value.0.clone()));
    let own = [("environment", stack.project.environment.clone()), ("domain", stack.environment.site.domain.to_string())];
    variables.chain(own.map(|(name, value)| (name.to_owned(), value))).collect()
}
