//! The end of a stream of lines: whoever has it stops the children.

use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::follow::Message;
use crate::process::Stream;

/// A stream of lines that goes on until it is stopped, or dropped.
pub(crate) struct Handle {
    /// What ends it.
    pub(super) stopper: Stopper,
    /// Nothing once it was waited for.
    pub(super) thread: Option<JoinHandle<anyhow::Result<()>>>,
}

/// Ends a stream of lines, from any thread.
#[derive(Clone)]
pub(super) struct Stopper {
    /// Where it is asked to end.
    pub(super) messages: Sender<Message>,
    /// What runs for it.
    pub(super) children: Children,
}

/// The children that run; none once it is stopped.
#[derive(Clone, Default)]
pub(super) struct Children(Arc<Mutex<(bool, Vec<Stream>)>>);

impl Children {
    /// Takes in a child; one that comes too late is ended.
    pub(super) fn add(&self, stream: Stream) {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if guard.0 {
            stream.kill();
        }
        guard.1.retain(|stream| stream.running());
        guard.1.push(stream);
    }

    /// Whether it was stopped.
    pub(super) fn stopped(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// Ends all.
    pub(super) fn stop(&self) {
        let mut guard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        guard.0 = true;
        guard.1.drain(..).for_each(|stream| stream.kill());
    }
}

impl Stopper {
    /// Ends the stream.
    pub(super) fn stop(&self) {
        self.children.stop();
        // The receiver is gone only when the end was reached.
        let _ = self.messages.send(Message::Stop);
    }
}

impl Handle {
    /// What ends the stream, for another thread.
    pub(crate) fn stopper(&self) -> impl Fn() + Send + 'static {
        let stopper = self.stopper.clone();
        move || stopper.stop()
    }

    /// Waits until the stream was stopped, or `send` broke it.
    ///
    /// # Errors
    /// When what was logged before cannot be read.
    pub(crate) fn wait(mut self) -> anyhow::Result<()> {
        let ended = self.thread.take().map(JoinHandle::join);
        ended.transpose().map_err(|_| anyhow::anyhow!("the thread that follows the logs panicked"))?.unwrap_or(Ok(()))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stopper.stop();
    }
}
