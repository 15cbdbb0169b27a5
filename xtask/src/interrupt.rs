//! Ctrl-C and SIGTERM: counted, so that a long task can undo what it began, and forwarded to whoever waits.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;

static COUNT: AtomicU32 = AtomicU32::new(0);

type Listener = Box<dyn Fn() + Send>;
static LISTENER: Mutex<Option<Listener>> = Mutex::new(None);

/// Takes over Ctrl-C, SIGTERM and SIGHUP: from here on they no longer end the process by themselves, the third one does.
///
/// # Errors
/// When the handler cannot be installed.
pub(crate) fn install() -> anyhow::Result<()> {
    ctrlc::set_handler(|| {
        if COUNT.fetch_add(1, Ordering::SeqCst) >= 2 {
            crate::statusline::shared().clear_at_exit();
            std::process::exit(crate::report::Interrupted::CODE);
        }
        if let Some(listener) = LISTENER.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
            listener();
        }
    })
    .context("cannot handle Ctrl-C")
}

/// Whether somebody asked to stop.
pub(crate) fn requested() -> bool {
    COUNT.load(Ordering::SeqCst) > 0
}

/// Calls `listener` at each further request to stop, and at once if there was one already.
pub(crate) fn listen(listener: impl Fn() + Send + 'static) {
    if requested() {
        listener();
    }
    *LISTENER.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(listener));
}

/// Waits; true where somebody asks to stop meanwhile, or has asked already.
pub(crate) fn wait(time: Duration) -> bool {
    let (send, receive) = channel();
    // Nobody waits any more where the time is over.
    listen(move || {
        let _ = send.send(());
    });
    let asked = receive.recv_timeout(time).is_ok();
    listen(|| {});
    asked
}

/// Forgets the requests so far: the task has dealt with them.
pub(crate) fn clear() {
    COUNT.store(0, Ordering::SeqCst);
}
