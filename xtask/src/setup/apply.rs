//! Does the steps of a plan, one after the other, and says how far it is.

use std::collections::BTreeSet;
use std::io::BufRead as _;
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::images::{self, Missing, RUNTIME, Recipe};
use super::look;
use super::plan::{self, Action, ENGINE_LOG, Machine, Step};
use crate::commands::{self, daemon};
use crate::engine::{self, Trouble};
use crate::interrupt;
use crate::process::{Detached, Invocation, Output, last_lines};
use crate::report::{Failure, Interrupted, Volume, human};

/// How long an engine may take to answer after its start. A slow disk with many containers takes tens of seconds.
const ENGINE_START: Duration = Duration::from_secs(90);
/// How long an engine may take to stop; it gives its containers 10 s itself.
const ENGINE_STOP: Duration = Duration::from_secs(60);
/// How often a condition that sends no event is looked at.
const POLL: Duration = Duration::from_millis(100);
/// How long a registry may take to its first word. A download that has begun may take any time.
const FIRST_WORD: Duration = Duration::from_secs(20);

/// Does `step`.
///
/// # Errors
/// When one of its actions fails, or somebody asked to stop; the same plan can be made and done again then.
pub(crate) fn step(step: &Step, volume: Volume) -> anyhow::Result<()> {
    let begin = Instant::now();
    let mut engine = None;
    for action in &step.actions {
        match action {
            Action::Run(command) => run(command, volume)?,
            Action::Write(path, text) => write(path, text)?,
            Action::Remove(path) => std::fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))?,
            Action::Terminate(pid) => terminate(*pid)?,
            Action::Detach(command) => {
                volume.detail(format!("running {command}, its output goes to {ENGINE_LOG}"));
                let log = std::fs::metadata(ENGINE_LOG).map_or(0, |log| log.len());
                engine = Some((command.clone().dir(Path::new("/")).detach(Path::new(ENGINE_LOG))?, log));
            }
            Action::AwaitEngine => await_engine(engine.as_ref())?,
        }
        go_on()?;
    }
    volume.say(format!("done: {} ({})", step.sentence, human(begin.elapsed())));
    Ok(())
}

/// Stops here when somebody asked to.
fn go_on() -> anyhow::Result<()> {
    if interrupt::requested() { Err(Interrupted.into()) } else { Ok(()) }
}

/// Runs `command`, whose output matters only when it fails.
fn run(command: &Invocation, volume: Volume) -> anyhow::Result<()> {
    volume.detail(format!("running {command}"));
    let (code, lines) = command.watch(|line| volume.detail(line))?;
    go_on()?;
    if code == 0 { Ok(()) } else { Err(command.failed(&Output { code, stdout: String::new(), stderr: lines.join("\n") }).into()) }
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    if std::fs::read_to_string(path).is_ok_and(|present| present == text) {
        return Ok(());
    }
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn terminate(pid: u32) -> anyhow::Result<()> {
    daemon::terminate(pid).read()?;
    let begin = Instant::now();
    while look::runs(pid, "dockerd") {
        go_on()?;
        if begin.elapsed() > ENGINE_STOP {
            return Err(Failure::new(format!("the engine (pid {pid}) does not stop"))
                .hint(format!("look into {ENGINE_LOG}, end it by hand and run the command again"))
                .into());
        }
        std::thread::sleep(POLL);
    }
    Ok(())
}

/// Waits until the engine answers. `started` is the one that we started, with the length of its log before: when it ends, waiting is over.
fn await_engine(started: Option<&(Detached, u64)>) -> anyhow::Result<()> {
    let begin = Instant::now();
    loop {
        let Some(Trouble::NoEngine(reason)) = engine::trouble()? else { return Ok(()) };
        go_on()?;
        let ended = started.is_some_and(|(engine, _)| engine.ended());
        if !ended && begin.elapsed() <= ENGINE_START {
            std::thread::sleep(POLL);
            continue;
        }
        let what = if ended { "the engine ended as soon as it was started" } else { "the engine was started but does not answer" };
        let failure = Failure::new(what).detail(reason);
        let Some((_, before)) = started else {
            return Err(failure.hint(format!("its log: `journalctl --unit docker`, or {ENGINE_LOG}")).into());
        };
        let log = std::fs::read(ENGINE_LOG).unwrap_or_default();
        let log = String::from_utf8_lossy(log.get(usize::try_from(*before)?..).unwrap_or_default()).into_owned();
        let failure = last_lines(&log, 8).into_iter().fold(failure, Failure::detail);
        return Err(failure.hint(format!("the whole log is in {ENGINE_LOG}")).into());
    }
}

/// Gets the base images that are `missing`: pulls them, or builds the equivalents of those whose registry does not answer.
///
/// # Errors
/// When neither works.
pub(crate) fn images(missing: &Missing, recipe: &Recipe<'_>, machine: &Machine, volume: Volume) -> anyhow::Result<()> {
    let mut silent = BTreeSet::new();
    let mut names = BTreeSet::new();
    for variable in &missing.variables {
        let registry = images::registry(&variable.official);
        if silent.contains(registry) {
            names.insert(variable.short());
            continue;
        }
        let begin = Instant::now();
        volume.say(format!("pulling {}", variable.official));
        let Some(reason) = pull(&variable.official, volume)? else {
            volume.say(format!("done: pulled {} ({})", variable.official, human(begin.elapsed())));
            continue;
        };
        volume.say(format!("{} cannot be pulled: {reason}", variable.official));
        if images::unreachable(&reason) {
            silent.insert(registry);
        }
        names.insert(variable.short());
    }
    if names.is_empty() { Ok(()) } else { build(&names, recipe, machine, volume) }
}

/// Pulls `image`; the reason when that fails.
fn pull(image: &str, volume: Volume) -> anyhow::Result<Option<String>> {
    let command = commands::engine::pull(image);
    volume.detail(format!("running {command}"));
    let stream = command.stream()?;
    let (word, first_word) = mpsc::channel();
    let watchdog = std::thread::spawn({
        let stream = stream.clone();
        move || {
            let silent = first_word.recv_timeout(FIRST_WORD) == Err(RecvTimeoutError::Timeout);
            if silent {
                stream.kill();
            }
            silent
        }
    });
    let mut last = String::new();
    for line in std::io::BufReader::new(stream.clone()).split(b'\n') {
        // Only the first one has a listener.
        let _ = word.send(());
        last = String::from_utf8_lossy(&line?).trim().to_owned();
        volume.detail(&last);
    }
    drop(word);
    let silent = watchdog.join().unwrap_or(false);
    go_on()?;
    if silent {
        return Ok(Some(format!("i/o timeout: the registry said nothing for {}", human(FIRST_WORD))));
    }
    Ok((stream.code() != Some(0)).then_some(last))
}

/// Builds the local equivalents `names`, first the image that the others are made of unless it is here.
///
/// # Errors
/// When a build fails; what was built before stays.
pub(crate) fn build(names: &BTreeSet<String>, recipe: &Recipe<'_>, machine: &Machine, volume: Volume) -> anyhow::Result<()> {
    let commands: Vec<(&String, Invocation)> =
        names.iter().filter(|name| *name != RUNTIME).map(|name| Ok((name, recipe.build(name)?))).collect::<Result<_, Failure>>()?;
    let here = crate::images::parse_list(&commands::engine::images().read()?);
    if names.contains(RUNTIME) || !recipe.tag(RUNTIME).is_some_and(|tag| here.contains_key(tag)) {
        if !recipe.mmdebstrap {
            let install = plan::mmdebstrap(machine)?;
            step(&install, volume)?;
        }
        timed(RUNTIME, volume, || {
            let (root_file_system, import) = recipe.runtime();
            volume.detail(format!("running {root_file_system} | {import}"));
            root_file_system.pipe_into(&import)?;
            recipe.finish_runtime().iter().try_for_each(|command| run(command, volume))
        })?;
    }
    // They wait for the network, for packages to unpack and for the disk at different times: together they are done sooner.
    std::thread::scope(|scope| {
        let builds: Vec<_> =
            commands.iter().map(|(name, command)| scope.spawn(move || timed(name, volume, || run(command, volume)))).collect();
        builds.into_iter().try_for_each(|build| build.join().map_err(|_| anyhow::anyhow!("a thread that built an image panicked"))?)
    })
}

fn timed(name: &str, volume: Volume, build: impl FnOnce() -> anyhow::Result<()>) -> anyhow::Result<()> {
    let begin = Instant::now();
    volume.say(format!("building the base image {name}"));
    build()?;
    go_on()?;
    volume.say(format!("done: built the base image {name} ({})", human(begin.elapsed())));
    Ok(())
}
