//! `snapshot`: save points of all data, beside the data, for going back in seconds.

use backup::{BEFORE_LOAD, Request, Savepoint};
use clap::{Args, Subcommand};
use serde_json::json;

use super::Context;
use super::backup::Session;
use super::confirm::confirm;
use super::restore::tell_others;
use crate::data::agent::{self, Access, sources};
use crate::data::store;
use crate::process::Invocation;
use crate::report::{Failure, human, product, table};

/// The longest name: with what is put in front of it, the database takes no more.
const LONGEST: usize = 40;

/// Save points of all data, to try something and go back in seconds; they are no backups
#[derive(Args)]
pub(crate) struct Snapshot {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Make a save point, in the place of an older one of this name
    Save {
        /// Its name [default: the git branch]
        name: Option<String>,
    },
    /// Go back to a save point, after asking; what is there becomes the save point `before-load`
    Load {
        /// Its name [default: the git branch]
        name: Option<String>,
    },
    /// The save points that are there, oldest first
    List {
        /// Print them as JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove save points
    Rm {
        /// Their names
        #[arg(required = true)]
        names: Vec<String>,
    },
}

impl Snapshot {
    pub(crate) fn run(self, context: &Context) -> anyhow::Result<()> {
        match self.action {
            Action::Save { name } => save(context, name),
            Action::Load { name } => load(context, name),
            Action::List { json } => list(context, json),
            Action::Rm { names } => remove(context, names),
        }
    }
}

fn save(context: &Context, name: Option<String>) -> anyhow::Result<()> {
    let session = Session::begin(context, "snapshot save")?;
    let name = chosen(name, &session)?;
    write(context, &session, &name)?;
    if !context.dry_run() {
        product(name);
    }
    Ok(())
}

/// Makes the save point `name` before another command changes data. It takes the lock of the stack: nobody who has it may call this.
///
/// # Errors
/// When it cannot be made.
pub(super) fn save_as(context: &Context, name: &str) -> anyhow::Result<()> {
    write(context, &Session::begin(context, "snapshot save")?, name)
}

/// Makes the save point `name`; with `--dry-run` prints what would do it.
fn write(context: &Context, session: &Session<'_>, name: &str) -> anyhow::Result<()> {
    let begun = std::time::Instant::now();
    session.check_running(&session.data)?;
    let agent = session.agent()?;
    if context.dry_run() {
        product(agent.command(Access::Write, &session.data).to_string());
        return Ok(());
    }
    agent.ask(&Request::Save { name: name.to_owned(), parts: sources(&session.data) }, Access::Write, &session.data)?;
    context.volume().say(format!("`{name}` is there, after {}", human(begun.elapsed())));
    Ok(())
}

fn load(context: &Context, name: Option<String>) -> anyhow::Result<()> {
    let begun = std::time::Instant::now();
    let session = Session::begin(context, "snapshot load")?;
    let name = chosen(name, &session)?;
    let savepoints = store::savepoints(&session.directory())?;
    check_there(&savepoints, std::slice::from_ref(&name), &session)?;
    let data = session.saved(&name, &savepoints);
    let names: Vec<&str> = data.iter().map(|data| data.source.name.as_str()).collect();
    let names = names.join(", ");
    session.check_running(&data)?;
    let agent = session.agent()?;
    if context.dry_run() {
        product(agent.command(Access::Write, &data).to_string());
        return Ok(());
    }
    let others = session.others(BEFORE_LOAD, &data)?;
    tell_others(context, BEFORE_LOAD, &others);
    let project = &session.stack.project;
    let question = format!(
        "Replace {names} of {}, environment {}, by `{name}`? What is there becomes the save point `before-load`",
        project.compose_name(),
        project.environment
    );
    if !confirm(&question, context.globals.yes)? {
        return Err(Failure::new("nothing was changed").into());
    }
    session.replace(&agent, &Request::Load { name: name.clone(), parts: sources(&data), others: sources(&others) }, &data, &others)?;
    context.volume().say(format!("back as of `{name}`, after {}: {names}", human(begun.elapsed())));
    Ok(())
}

fn list(context: &Context, json: bool) -> anyhow::Result<()> {
    let stack = context.stack()?;
    let savepoints = store::savepoints(&agent::directory(&stack))?;
    if json {
        let entry = |savepoint: &Savepoint| json!({ "name": savepoint.name, "created_at": savepoint.created_at, "parts": savepoint.parts });
        let savepoints: Vec<_> = savepoints.iter().map(entry).collect();
        product(serde_json::to_string_pretty(&json!({ "schema": 1, "snapshots": savepoints }))?);
        return Ok(());
    }
    if savepoints.is_empty() {
        context.volume().say(format!("there is no save point; `cargo xtask snapshot save{}` makes one", stack.project.flags()));
        return Ok(());
    }
    let rows: Vec<[String; 3]> =
        savepoints.into_iter().map(|savepoint| [savepoint.name, savepoint.created_at, savepoint.parts.join(",")]).collect();
    product(table(["NAME", "MADE", "PARTS"], &rows));
    Ok(())
}

fn remove(context: &Context, names: Vec<String>) -> anyhow::Result<()> {
    let session = Session::begin(context, "snapshot rm")?;
    check_there(&store::savepoints(&session.directory())?, &names, &session)?;
    session.check_running(&session.data)?;
    let agent = session.agent()?;
    if context.dry_run() {
        product(agent.command(Access::Write, &session.data).to_string());
        return Ok(());
    }
    agent.ask(&Request::Remove { names, parts: sources(&session.data) }, Access::Write, &session.data).map(drop)
}

fn check_there(savepoints: &[Savepoint], names: &[String], session: &Session<'_>) -> anyhow::Result<()> {
    let missing = names.iter().find(|name| !savepoints.iter().any(|savepoint| savepoint.name == **name));
    missing.map_or(Ok(()), |name| {
        let there: Vec<&str> = savepoints.iter().map(|savepoint| savepoint.name.as_str()).collect();
        let flags = session.stack.project.flags();
        let there = if there.is_empty() {
            format!("`cargo xtask snapshot save{flags}` makes one")
        } else {
            format!("there are: {}", there.join(", "))
        };
        Err(Failure::new(format!("there is no save point `{name}`")).hint(there).into())
    })
}

/// The name that was given, or that of the git branch.
fn chosen(name: Option<String>, session: &Session<'_>) -> anyhow::Result<String> {
    let Some(name) = name else {
        let branch = Invocation::new("git").args(["symbolic-ref", "--short", "HEAD"]).dir(&session.stack.project.root).capture();
        let branch =
            branch.ok().filter(|output| output.code == 0).map(|output| from_branch(&output.stdout)).filter(|name| !name.is_empty());
        let none = || {
            Failure::new("no name was given, and no git branch is checked out to name the save point after")
                .hint("`cargo xtask snapshot save NAME`")
        };
        return Ok(branch.ok_or_else(none)?);
    };
    check_name(&name)?;
    Ok(name)
}

fn from_branch(branch: &str) -> String {
    let dashed: String = branch.trim().to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    dashed.trim_matches('-').chars().take(LONGEST).collect::<String>().trim_end_matches('-').to_owned()
}

fn check_name(name: &str) -> Result<(), Failure> {
    if !name.is_empty() && from_branch(name) == name {
        return Ok(());
    }
    let example = from_branch(name);
    Err(Failure::new(format!("`{name}` is not a name for a save point: 1 to {LONGEST} characters of a-z, 0-9 and `-`"))
        .hint(format!("for example `{}`", if example.is_empty() { "before-import" } else { &example })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_becomes_a_name() {
        let long = "x".repeat(60);
        assert_eq!(["main\n", "feature/Due_Dates", "---", &long].map(from_branch), ["main", "feature-due-dates", "", &"x".repeat(LONGEST)]);
    }

    #[test]
    fn names_are_checked() {
        assert!(["a", "before-import", "7"].into_iter().all(|name| check_name(name).is_ok()));
        assert!(["", "A", "a b", "-a", "a-", "../x", "a'; DROP"].into_iter().all(|name| check_name(name).is_err()));
        assert_eq!(
            check_name("My Test").expect_err("refused").to_string(),
            "`My Test` is not a name for a save point: 1 to 40 characters of a-z, 0-9 and `-`\n\nhint: for example `my-test`"
        );
    }
}
