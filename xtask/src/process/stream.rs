//! A running child whose output is read while it runs.

use std::io::Read;
use std::sync::Arc;

/// A running child whose output is read as it comes. Clones share it, so that another thread can end it.
#[derive(Clone)]
pub(crate) struct Stream(Arc<duct::ReaderHandle>);

impl Stream {
    /// The exit code, once the end of the stream was read; nothing when a signal ended the child.
    pub(crate) fn code(&self) -> Option<i32> {
        self.0.try_wait().ok().flatten()?.status.code()
    }

    /// Whether the child still runs.
    pub(crate) fn running(&self) -> bool {
        self.0.try_wait().is_ok_and(|output| output.is_none())
    }

    /// Ends the child; its readers see the end of the stream.
    pub(crate) fn kill(&self) {
        // A child that is already gone is what was wanted.
        let _ = self.0.kill();
    }
}

impl From<duct::ReaderHandle> for Stream {
    fn from(reader: duct::ReaderHandle) -> Self {
        Self(Arc::new(reader))
    }
}

impl Read for Stream {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        (&*self.0).read(buf)
    }
}
