//! Whether anybody still wants the result. Where nobody does, children are ended and whatever waits for them fails; only a commit goes on.

use std::fmt;
use std::io::Read;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use rustix::process::{Pid, Signal, kill_process};

static GONE: AtomicBool = AtomicBool::new(false);
static HELD: AtomicBool = AtomicBool::new(false);
static CHILDREN: Mutex<Vec<u32>> = Mutex::new(Vec::new());

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
            CHILDREN.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|child| end(*child));
        }
    });
}

/// Goes on while somebody wants the result.
///
/// # Errors
/// [`Gone`].
pub(crate) fn check() -> Result<(), Gone> {
    if GONE.load(Ordering::SeqCst) && !HELD.load(Ordering::SeqCst) { Err(Gone) } else { Ok(()) }
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
    CHILDREN.lock().unwrap_or_else(PoisonError::into_inner).push(child);
    if check().is_err() {
        end(child);
    }
}

/// A child has ended.
pub(crate) fn forget(child: u32) {
    CHILDREN.lock().unwrap_or_else(PoisonError::into_inner).retain(|other| *other != child);
}

fn end(child: u32) {
    if let Some(pid) = i32::try_from(child).ok().and_then(Pid::from_raw) {
        // One that has ended by itself is what was wanted.
        let _ = kill_process(pid, Signal::TERM);
    }
}
