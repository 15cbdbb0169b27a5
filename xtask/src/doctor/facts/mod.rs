//! What `doctor` asks: everything at the same time, each question with a bound, and nothing that changes anything.

mod ask;
mod checkout;
mod engine;
mod images;
mod machine;
mod stack;

use std::path::PathBuf;
use std::time::Duration;

use backup::Phase;

pub(crate) use self::ask::{Ask, Known};
pub(crate) use self::checkout::{Checkout, Past};
pub(crate) use self::engine::Engine;
#[cfg(test)]
pub(crate) use self::engine::{Checkout as Elsewhere, Host, Waste};
pub(crate) use self::images::Images;
#[cfg(test)]
pub(crate) use self::images::Outdated;
#[cfg(test)]
pub(crate) use self::machine::Inotify;
pub(crate) use self::machine::Machine;
#[cfg(test)]
pub(crate) use self::stack::LookUp;
pub(crate) use self::stack::{Contents, Running};
use crate::config::environment::Environment;
use crate::data::store::{self, Backup};
use crate::data::{agent, interrupted};
use crate::project::Project;
use crate::report::Failure;
use crate::stack::Stack;

/// After this nobody waits for an answer any more, so that a doctor ends within three seconds, whatever hangs.
const PATIENCE: Duration = Duration::from_millis(2500);

/// Everything that the checks judge.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    /// The flags that lead to this project, for commands in fixes.
    pub(crate) flags: String,
    /// The environment, or what is wrong with it.
    pub(crate) environment: Result<Environment, String>,
    /// The engine.
    pub(crate) engine: Engine,
    /// The machine.
    pub(crate) machine: Machine,
    /// The checkout.
    pub(crate) checkout: Checkout,
    /// What the environment asks for: only Compose can tell.
    pub(crate) contents: Known<Contents>,
    /// What there is of the stack.
    pub(crate) running: Running,
    /// Its backups; nothing where the environment does not say where they are.
    pub(crate) data: Option<Data>,
}

/// The backups of a stack.
#[derive(Clone, Debug)]
pub(crate) struct Data {
    /// Where they are.
    pub(crate) directory: PathBuf,
    /// Whether one can be put there.
    pub(crate) writable: bool,
    /// A file where a directory of its path would have to be.
    pub(crate) obstacle: Option<PathBuf>,
    /// What is there, oldest first.
    pub(crate) backups: Known<Vec<Backup>>,
    /// How far a restore was when it was interrupted; nothing where none was.
    pub(crate) interrupted: Option<Phase>,
    /// What time it is, in seconds since 1970.
    pub(crate) now: u64,
}

impl Facts {
    /// Asks everything about `project` and this machine.
    ///
    /// # Errors
    /// When a thread panics; what is wrong with the machine is part of the facts.
    pub(crate) fn find(project: &Project) -> anyhow::Result<Self> {
        let ask = Ask::for_at_most(PATIENCE);
        std::thread::scope(|scope| {
            let engine = scope.spawn(move || Engine::find(ask));
            let machine = scope.spawn(move || Machine::find(ask));
            let checkout = scope.spawn(move || Checkout::find(ask, project));
            let own = project.clone();
            let stack = ask.within("the environment", move || Stack::load(own)).unwrap_or_else(|why| Err(Failure::new(why).into()));
            let (contents, running) = match &stack {
                Ok(stack) => stack::find(ask, stack),
                Err(_) => (Err(INVALID.to_owned()), Running::unknown(INVALID.to_owned())),
            };
            let panicked = |_| anyhow::anyhow!("a thread that asked for facts panicked");
            Ok(Self {
                flags: project.flags(),
                data: stack.as_ref().ok().map(Data::find),
                environment: stack.map(|stack| stack.environment).map_err(|error| error.to_string()),
                engine: engine.join().map_err(panicked)?,
                machine: machine.join().map_err(panicked)?,
                checkout: checkout.join().map_err(panicked)?,
                contents,
                running,
            })
        })
    }
}

const INVALID: &str = "the environment is not valid";

impl Data {
    fn find(stack: &Stack) -> Self {
        let directory = agent::directory(stack);
        Self {
            writable: checkout::writable(&directory),
            obstacle: directory.ancestors().find(|path| path.exists()).filter(|path| !path.is_dir()).map(PathBuf::from),
            backups: store::list(&directory).map_err(|error| format!("{error:#}")),
            interrupted: interrupted::left(stack),
            now: backup::time::now(),
            directory,
        }
    }
}
