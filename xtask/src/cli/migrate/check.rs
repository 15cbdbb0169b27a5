//! `migrate check`: everything that is wrong with migrations, at once.

use std::collections::BTreeMap;

use super::{directory, find, runs, said};
use crate::cli::{Context, announce_build, cargo};
use crate::commands;
use crate::engine;
use crate::engine::containers::Container;
use crate::migrations::{self, File, Finding, Report, drift};
use crate::model::{Migrations, Model, Sizes};
use crate::report::{ExitWith, Failure, product};
use crate::stack::Stack;

/// What is said where a program is older than the checkout, or no `checksums` are in `x-migrations`.
const NOT_COMPARED: &str = "the texts of the files were not compared with what was applied: the program that runs says no checksums";

pub(super) fn check(context: &Context, json: bool) -> anyhow::Result<()> {
    let stack = context.stack()?;
    let model = Model::parse(&stack.compose.model().read()?)?;
    let section = find(&model)?;
    let files = migrations::read(&directory(&stack, section))?;
    let mut findings = migrations::check(&files, section.checked_from);
    findings.extend(statements(context, &stack, &files, section.checked_from)?);
    findings.sort_by(|left, right| (&left.file, left.line).cmp(&(&right.file, right.line)));
    // Whatever becomes of the database, what is wrong with the files is said.
    let asked = ask(context, &stack, section, &files);
    let mut also = "";
    let (database, rows, error) = match asked {
        Ok(Asked::Answered { drift, compared, containers }) => {
            findings.extend(drift);
            if !compared {
                context.volume().say(NOT_COMPARED);
            }
            also = if compared { ", and they are what the database and the program that runs have" } else { "" };
            let waits = findings.iter().any(|finding| finding.kind == migrations::Kind::Locks);
            let sizes = section.sizes.as_ref().filter(|_| waits);
            (true, sizes.map(|sizes| rows(context, sizes, &containers)).unwrap_or_default(), None)
        }
        Ok(Asked::Away(reason)) => {
            context.volume().say(format!("only the files were checked: {reason}"));
            (false, BTreeMap::new(), None)
        }
        Err(error) => (false, BTreeMap::new(), Some(error)),
    };
    let report = Report::new(findings, database).sizes(&rows);
    if json {
        product(serde_json::to_string_pretty(&report)?);
    } else if !report.ok() {
        product(report.render(&stack.project.flags()));
    }
    match error {
        Some(error) => Err(error),
        None if !report.ok() => Err(ExitWith(1).into()),
        None => {
            context.volume().say(format!("nothing is wrong with {} files of migrations{also}", files.len()));
            Ok(())
        }
    }
}

/// What the statements of the files do.
fn statements(context: &Context, stack: &Stack, files: &[File], from: Option<u64>) -> anyhow::Result<Vec<Finding>> {
    announce_build(context, "migration-lint", "the check of SQL")?;
    let program = cargo(["run", "--quiet", "--package", "migration-lint"]).dir(&stack.project.root);
    if context.dry_run() {
        context.volume().say(format!("`--dry-run` judges no statement, this would:\n{program}"));
        return Ok(Vec::new());
    }
    migrations::statements::check(&program, migrations::judged(files, from))
}

/// What the database says.
enum Asked {
    /// It answered.
    Answered {
        /// How it differs.
        drift: Vec<Finding>,
        /// Whether the texts of the files were compared with what was applied.
        compared: bool,
        /// What runs.
        containers: Vec<Container>,
    },
    /// It does not run, for this reason.
    Away(String),
}

fn ask(context: &Context, stack: &Stack, migrations: &Migrations, files: &[File]) -> anyhow::Result<Asked> {
    let away = |reason: &str| Asked::Away(format!("{reason}; `cargo xtask up{}` starts it, then check again", stack.project.flags()));
    if let Some(trouble) = engine::trouble()? {
        return Ok(away(trouble.failure().to_string().lines().next().unwrap_or_default()));
    }
    let containers = stack.containers()?;
    if !runs(&containers, migrations) {
        return Ok(away("the database does not run"));
    }
    let resolved = stack.look()?;
    let status = resolved.compose.run(&migrations.service, &migrations.status);
    if context.dry_run() {
        return Ok(Asked::Away(format!("`--dry-run` asks no database, this would:\n{status}")));
    }
    let lines = said(&resolved.compose, migrations)?.lines;
    if lines.is_empty() && !files.is_empty() {
        return Err(Failure::new(format!("`{status}` says nothing of any migration"))
            .hint("the program that it runs is not that of these files")
            .into());
    }
    Ok(Asked::Answered { drift: drift::compare(&lines, files), compared: drift::compared(&lines), containers })
}

/// About how many rows tables have. Without it a finding is as true.
fn rows(context: &Context, sizes: &Sizes, containers: &[Container]) -> BTreeMap<String, u64> {
    let container = containers.iter().find(|container| container.service() == sizes.service && container.running());
    let answer = container.map(|container| commands::engine::exec(container.name(), false, &sizes.command).read());
    match answer {
        Some(Ok(answer)) => answer.lines().filter_map(|line| line.split_once('|')).filter_map(counted).collect(),
        Some(Err(error)) => {
            context.volume().say(format!("the sizes of the tables are not known: {error:#}"));
            BTreeMap::new()
        }
        None => BTreeMap::new(),
    }
}

/// PostgreSQL says -1 where nobody has counted yet.
fn counted((table, rows): (&str, &str)) -> Option<(String, u64)> {
    Some((table.to_owned(), rows.trim().parse().ok()?))
}
