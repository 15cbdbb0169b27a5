//! Whether anybody still wants the result. Where nobody does, children are ended and whatever waits for them fails; only a commit goes on.

use std::cell::RefCell;
use std::fmt;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// How long a child that is asked to end may take.
const HEEDED: Duration = Duration::from_secs(1);

static GONE: AtomicBool = AtomicBool::new(false);
static HELD: AtomicBool = AtomicBool::new(false);
/// All children, each with the jobs that it is one of.
static CHILDREN: Mutex<Vec<(u32, Option<Arc<Jobs>>)>> = Mutex::new(Vec::new());

thread_local! {
    /// The jobs that this thread does one of.
    static JOBS: RefCell<Option<Arc<Jobs>>> = const { RefCell::new(None) };
}

/// Jobs that are done at the same time.
#[derive(Debug, Default)]
struct Jobs {
    failed: AtomicBool,
    /// Those that all of these together are one of.
    outer: Option<Arc<Self>>,
}

impl Jobs {
    /// Whether one of them has failed, and the others are of no use.
    fn failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst) || self.outer.as_ref().is_some_and(|outer| outer.failed())
    }
}

/// Nobody wants the result.
#[derive(Debug)]
pub(crate) struct Gone;

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stopped: whoever asked is gone")
    }
}

impl std::error::Error for Gone {}

/// Waits on a thread for the end of `stdin`.
pub(crate) fn watch(mut stdin: impl Read + Send + 'static) {
    std::thread::spawn(move || {
        let mut buffer = [0; 64];
        while stdin.read(&mut buffer).is_ok_and(|count| count > 0) {}
        GONE.store(true, Ordering::SeqCst);
        if !HELD.load(Ordering::SeqCst) {
            end_children(|_| true);
        }
    });
}

/// One of several things that are done at the same time.
pub(crate) type Job<'a> = Box<dyn FnOnce() -> anyhow::Result<()> + Send + 'a>;

/// Does all of `jobs` at the same time. Where one fails, the programs that the others run are ended.
///
/// # Errors
/// The failure that came first.
pub(crate) fn together(jobs: Vec<Job<'_>>) -> anyhow::Result<()> {
    let group = Arc::new(Jobs { outer: own_jobs(), ..Jobs::default() });
    let first = Mutex::new(None);
    std::thread::scope(|scope| {
        for job in jobs {
            scope.spawn(|| {
                JOBS.set(Some(Arc::clone(&group)));
                let Err(error) = job() else { return };
                first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
                group.failed.store(true, Ordering::SeqCst);
                end_children(|jobs| jobs.is_some_and(Jobs::failed));
            });
        }
    });
    first.into_inner().unwrap_or_else(PoisonError::into_inner).map_or(Ok(()), Err)
}

/// Does what must not be left half done only because something beside it failed.
///
/// # Errors
/// Whatever `act` fails at.
pub(crate) fn undisturbed<T>(act: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let jobs = JOBS.take();
    let done = act();
    JOBS.set(jobs);
    done
}

fn own_jobs() -> Option<Arc<Jobs>> {
    JOBS.with_borrow(Clone::clone)
}

/// Goes on while somebody wants the result.
///
/// # Errors
/// [`Gone`].
pub(crate) fn check() -> Result<(), Gone> {
    let gone = GONE.load(Ordering::SeqCst) && !HELD.load(Ordering::SeqCst);
    if gone || own_jobs().is_some_and(|jobs| jobs.failed()) { Err(Gone) } else { Ok(()) }
}

/// Whether whoever asked is gone, also where it is finished nevertheless.
pub(crate) fn alone() -> bool {
    GONE.load(Ordering::SeqCst)
}

/// From here on it is finished, whoever is gone: half of it would be worse than either.
///
/// # Errors
/// [`Gone`] where nobody waited at this moment.
pub(crate) fn hold() -> Result<(), Gone> {
    check()?;
    HELD.store(true, Ordering::SeqCst);
    Ok(())
}

/// A child runs.
pub(crate) fn adopt(child: u32) {
    CHILDREN.lock().unwrap_or_else(PoisonError::into_inner).push((child, own_jobs()));
    if check().is_err() {
        end(child);
    }
}

/// A child has ended.
pub(crate) fn forget(child: u32) {
    CHILDREN.lock().unwrap_or_else(PoisonError::into_inner).retain(|(other, _)| *other != child);
}

fn end_children(which: impl Fn(Option<&Jobs>) -> bool) {
    let children = CHILDREN.lock().unwrap_or_else(PoisonError::into_inner);
    children.iter().filter(|(_, jobs)| which(jobs.as_deref())).for_each(|(child, _)| end(*child));
}

/// Ends all children: what they wait for does not come any more.
pub(crate) fn end_all() {
    end_children(|_| true);
}

fn end(child: u32) {
    let Some(pid) = i32::try_from(child).ok().and_then(Pid::from_raw) else { return };
    // One that has ended by itself is what was wanted.
    let _ = kill_process(pid, Signal::TERM);
    // `pg_dump` asks the server to cancel what it does, and waits for its answer.
    std::thread::spawn(move || {
        std::thread::sleep(HEEDED);
        let children = CHILDREN.lock().unwrap_or_else(PoisonError::into_inner);
        if children.iter().any(|(other, _)| *other == child) {
            let _ = kill_process(pid, Signal::KILL);
        }
    });
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::agent::process::Program;

    #[test]
    fn a_failure_ends_what_is_done_beside_it() {
        let begun = Instant::now();
        let done = Mutex::new(Vec::new());
        let jobs: Vec<Job<'_>> = vec![
            Box::new(|| together(vec![Box::new(|| Program::new("sleep").args(["60"]).run())])),
            Box::new(|| anyhow::bail!("the first")),
            Box::new(|| {
                done.lock().unwrap_or_else(PoisonError::into_inner).push("harmless");
                Ok(())
            }),
        ];
        assert_eq!(together(jobs).expect_err("a failure").to_string(), "the first");
        assert!(begun.elapsed() < Duration::from_secs(50), "nobody waited for the one that sleeps");
        assert!(check().is_ok(), "what follows is done");
        assert_eq!(done.into_inner().unwrap_or_else(PoisonError::into_inner), ["harmless"]);
        together(vec![Box::new(|| Program::new("true").run())]).expect("done");
        let deaf = || Program::new("sh").args(["-c", "trap '' TERM; while :; do sleep 0.1; done"]).run();
        assert!(together(vec![Box::new(deaf), Box::new(|| anyhow::bail!("the first"))]).is_err(), "the deaf one was ended");
        let whole = AtomicBool::new(false);
        let jobs: Vec<Job<'_>> = vec![
            Box::new(|| {
                undisturbed(|| Program::new("sleep").args(["0.5"]).run())?;
                whole.store(true, Ordering::SeqCst);
                Program::new("sleep").args(["60"]).run()
            }),
            Box::new(|| anyhow::bail!("the first")),
        ];
        assert!(together(jobs).is_err() && whole.load(Ordering::SeqCst), "it was done, and what came after it was not");
    }
}
