//! What the user types: one file per command. A command decides order and asks questions; command lines come from `commands`.

mod backup;
mod bench;
mod clean;
mod completions;
mod confirm;
mod dev;
mod doctor;
mod down;
mod env;
mod expose;
mod guard;
mod images;
mod logs;
mod migrate;
mod notify;
mod rebuild;
mod restart;
mod restore;
mod secrets;
mod setup;
mod shell;
mod smoke;
mod snapshot;
mod status;
mod test;
mod top;
mod up;

use std::collections::BTreeSet;

use clap::{Args, Parser, Subcommand};

use self::confirm::confirm;
use crate::commands::{self, compose::Volumes};
use crate::engine;
use crate::interrupt;
use crate::lock::Lock;
use crate::process::Invocation;
use crate::progress::Progress;
use crate::project::{self, Project};
use crate::report::{ExitWith, Failure, Interrupted, Volume};
use crate::setup::{Options, Scope};
use crate::stack::Stack;

/// The whole stack with one command: start it, watch it, test it, keep its data.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, max_term_width = 100, disable_help_subcommand = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    globals: Globals,
}

/// Flags that every command takes.
#[derive(Args, Clone, Debug)]
struct Globals {
    /// The environment: a file `infra/env/<NAME>.toml`
    #[arg(long, global = true, value_name = "NAME", default_value = "local", help_heading = "Global options")]
    env: String,
    /// The instance, where several run side by side [default: from the git worktree]
    #[arg(long, global = true, value_name = "NAME", help_heading = "Global options")]
    instance: Option<String>,
    /// Make the machine ready first: engine, base images
    #[arg(long, global = true, help_heading = "Global options")]
    setup: bool,
    /// Print the commands that would run, and run none that changes something
    #[arg(long, global = true, help_heading = "Global options")]
    dry_run: bool,
    /// Agree beforehand to what would be asked
    #[arg(long, short, global = true, help_heading = "Global options")]
    yes: bool,
    /// Say nothing but errors
    #[arg(long, short, global = true, conflicts_with = "verbose", help_heading = "Global options")]
    quiet: bool,
    /// Say also which commands run
    #[arg(long, short, global = true, help_heading = "Global options")]
    verbose: bool,
}

/// The commands.
#[derive(Subcommand)]
enum Command {
    Dev(dev::Dev),
    Up(up::Up),
    Down(down::Down),
    Restart(restart::Restart),
    Rebuild(rebuild::Rebuild),
    Status(status::Status),
    Smoke(smoke::Smoke),
    Logs(logs::Logs),
    Top(top::Top),
    Shell(shell::Shell),
    Migrate(migrate::Migrate),
    Backup(backup::Backup),
    Restore(restore::Restore),
    Snapshot(snapshot::Snapshot),
    Guard(guard::Guard),
    Notify(notify::Notify),
    Test(test::Test),
    Env(env::Env),
    Secrets(secrets::Secrets),
    Images(images::Images),
    Setup(setup::Setup),
    Doctor(doctor::Doctor),
    Clean(clean::Clean),
    Bench(bench::Bench),
    Completions(completions::Completions),
}

/// Parses the command line and does what it says.
///
/// # Errors
/// Whatever the command refuses or fails at.
pub(crate) fn run() -> anyhow::Result<()> {
    let Cli { command, globals } = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and the version are products; a command line that is none of ours is for the user to mend.
            let (code, text) = (i32::from(error.use_stderr()), error.render().to_string());
            if code == 0 {
                crate::report::product(text.trim_end());
            } else {
                Volume::Normal.say(text.trim_end());
            }
            return Err(crate::report::ExitWith(code).into());
        }
    };
    interrupt::install()?;
    let context = Context { globals };
    match command {
        Command::Dev(command) => command.run(&context),
        Command::Up(command) => command.run(&context),
        Command::Down(command) => command.run(&context),
        Command::Restart(command) => command.run(&context),
        Command::Rebuild(command) => command.run(&context),
        Command::Status(command) => command.run(&context),
        Command::Smoke(command) => command.run(&context),
        Command::Logs(command) => command.run(&context),
        Command::Top(command) => command.run(&context),
        Command::Shell(command) => command.run(&context),
        Command::Migrate(command) => command.run(&context),
        Command::Backup(command) => command.run(&context),
        Command::Restore(command) => command.run(&context),
        Command::Snapshot(command) => command.run(&context),
        Command::Guard(command) => command.run(&context),
        Command::Notify(command) => command.run(&context),
        Command::Test(command) => command.run(&context),
        Command::Env(command) => command.run(&context),
        Command::Secrets(command) => command.run(&context),
        Command::Images(command) => command.run(&context),
        Command::Doctor(command) => command.run(&context),
        Command::Clean(command) => command.run(&context),
        Command::Setup(command) => command.run(&context),
        Command::Bench(command) => command.run(&context),
        Command::Completions(command) => command.run(),
    }
}

/// The path of this program, to run it again. To be asked for before cargo builds it anew: Linux calls a replaced program deleted.
///
/// # Errors
/// When the path is unknown or not Unicode.
fn program() -> anyhow::Result<String> {
    let path = std::env::current_exe()?;
    path.to_str().map(str::to_owned).ok_or_else(|| Failure::new(format!("the path {} is not Unicode", path.display())).into())
}

/// Says that `program` of this repository is compiled first, where cargo has never done it: that takes long, and cargo is asked to be silent.
///
/// # Errors
/// When the path of this program is unknown.
fn announce_build(context: &Context, program: &str, what: &str) -> anyhow::Result<()> {
    // Cargo puts all programs into one directory.
    let path = std::env::current_exe()?.with_file_name(format!("{program}{}", std::env::consts::EXE_SUFFIX));
    if !path.exists() && !context.dry_run() {
        context.volume().say(format!("compiling {what}: the first time takes a minute"));
    }
    Ok(())
}

/// A command of the cargo that runs us, so that the toolchain is the same.
fn cargo<const N: usize>(args: [&str; N]) -> Invocation {
    Invocation::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())).args(args)
}

/// Removes the images that only this instance used.
fn remove_images(context: &Context, stack: &Stack) -> anyhow::Result<()> {
    let own = own_images(&stack.project.compose_name(), &stack.project.instance)?;
    if own.is_empty() { Ok(()) } else { context.perform(&commands::engine::remove_images(&own)) }
}

/// The images that only the instance `instance` with the Compose project `project` uses: those with its tag, and those that Compose names after the
/// project, because their services have a `build` and no `image`.
fn own_images(project: &str, instance: &str) -> anyhow::Result<Vec<String>> {
    let tagged = commands::images::of_instance(instance).read()?;
    let built = commands::images::built_for(project).read()?;
    let prefix = format!("{project}-");
    let named = built.lines().filter(|name| name.starts_with(&prefix));
    // Base images belong to all instances, whatever they are tagged.
    let tagged = tagged.lines().filter(|name| !name.starts_with("slipway/base-"));
    let all: BTreeSet<&str> = tagged.chain(named).collect();
    Ok(all.into_iter().map(str::to_owned).collect())
}

/// What the global flags mean for a command.
struct Context {
    globals: Globals,
}

impl Context {
    fn volume(&self) -> Volume {
        match &self.globals {
            Globals { quiet: true, .. } => Volume::Quiet,
            Globals { verbose: true, .. } => Volume::Verbose,
            _ => Volume::Normal,
        }
    }

    fn dry_run(&self) -> bool {
        self.globals.dry_run
    }

    fn project(&self) -> anyhow::Result<Project> {
        Project::new(project::root()?, &self.globals.env, self.globals.instance.as_deref())
    }

    /// The stack, on a machine that was made ready if `--setup` asks for it.
    fn stack(&self) -> anyhow::Result<Stack> {
        let project = self.project()?;
        if self.globals.setup {
            let options = Options { scope: Scope::All, dry_run: self.dry_run(), volume: self.volume() };
            crate::setup::run(&project, options)?;
        }
        Stack::load(project)
    }

    /// Asks whether to do `what` to the stack, where its environment wants to be asked.
    fn agree(&self, stack: &Stack, what: &str) -> anyhow::Result<()> {
        if self.dry_run() || !stack.environment.confirm {
            return Ok(());
        }
        let question = format!("{what} {}, environment {}?", stack.project.compose_name(), stack.project.environment);
        if confirm(&question, self.globals.yes)? { Ok(()) } else { Err(Failure::new("nothing was changed").into()) }
    }

    /// The right to change the stack, for as long as it is held; a command that only shows what it would do needs none.
    fn lock(&self, stack: &Stack) -> anyhow::Result<Option<Lock>> {
        if self.dry_run() { Ok(None) } else { Lock::take(&stack.project, self.volume()).map(Some) }
    }

    /// Removes all containers, networks and volumes of `stack`.
    fn remove_all(&self, stack: &Stack) -> anyhow::Result<()> {
        self.perform(&stack.compose.down(Volumes::Remove))?;
        if !self.dry_run() {
            crate::stack::volumes::forget(&stack.project);
        }
        Ok(())
    }

    /// The stack, on an engine that answers.
    fn stack_on_engine(&self) -> anyhow::Result<Stack> {
        let stack = self.stack()?;
        match engine::trouble()? {
            None => Ok(stack),
            Some(trouble) => Err(trouble.failure().into()),
        }
    }

    /// Gives the terminal to a command and ends with its exit code, and it with us; with `--dry-run` prints it instead.
    fn hand_over(&self, invocation: &Invocation) -> anyhow::Result<()> {
        self.follow(invocation, Invocation::hand_over)
    }

    /// The same for a command without input: what it writes is passed on line by line.
    fn relay(&self, invocation: &Invocation) -> anyhow::Result<()> {
        self.follow(invocation, |invocation| invocation.relay(String::new()))
    }

    fn follow(&self, invocation: &Invocation, run: impl Fn(&Invocation) -> anyhow::Result<i32>) -> anyhow::Result<()> {
        if self.dry_run() {
            crate::report::product(invocation.to_string());
            return Ok(());
        }
        match run(invocation)? {
            0 => Ok(()),
            _ if interrupt::requested() => Err(Interrupted.into()),
            code => Err(ExitWith(code).into()),
        }
    }

    /// Runs a command that changes something: what it wrote is shown where it fails; with `--dry-run` prints it instead.
    fn perform(&self, invocation: &Invocation) -> anyhow::Result<()> {
        self.perform_as(invocation, &invocation.short())
    }

    /// The same, called `what` where it takes long enough to be mentioned.
    fn perform_as(&self, invocation: &Invocation, what: &str) -> anyhow::Result<()> {
        if self.dry_run() {
            crate::report::product(invocation.to_string());
            return Ok(());
        }
        self.volume().detail(format!("running {invocation}"));
        let mut progress = Progress::new(self.volume());
        let (code, lines) = invocation.watch(|line| {
            self.volume().detail(line);
            progress.show(what, line);
        })?;
        match code {
            0 => Ok(()),
            _ if interrupt::requested() => Err(Interrupted.into()),
            _ => Err(invocation.failed_after(code, &lines).into()),
        }
    }
}

#[cfg(test)]
mod tests;
