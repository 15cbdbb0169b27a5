//! How far the agent is, on a terminal: bytes and rate.

use std::time::Instant;

use crate::report::{Volume, human_bytes};
use crate::statusline;

/// The line that says it.
pub(super) struct Line {
    part: String,
    bytes: u64,
    begun: Instant,
}

impl Default for Line {
    fn default() -> Self {
        Self { part: String::new(), bytes: 0, begun: Instant::now() }
    }
}

impl Line {
    /// Something else begins.
    pub(super) fn step(&mut self, volume: Volume, text: &str) {
        statusline::shared().clear();
        *self = Self::default();
        volume.say(text);
    }

    /// `bytes` of the part `part` are done.
    pub(super) fn progress(&mut self, volume: Volume, part: &str, bytes: u64, total: Option<u64>) {
        // One part is read more than once, each time from its beginning.
        if part != self.part || bytes < self.bytes {
            *self = Self { part: part.to_owned(), ..Self::default() };
        }
        self.bytes = bytes;
        let rate = bytes as f64 / self.begun.elapsed().as_secs_f64().max(0.1);
        let of = total.map(|total| format!(" of {}", human_bytes(total))).unwrap_or_default();
        if volume != Volume::Quiet {
            statusline::shared().set(&format!("  {part}: {}{of}, {}/s", human_bytes(bytes), human_bytes(rate as u64)));
        }
    }
}
