//! What a command waits for, where that takes longer than people like to wait without a word: on a terminal in the status line, elsewhere a line of its own.

use std::time::{Duration, Instant};

use crate::report::{Volume, human};
use crate::statusline;

/// What takes less is not worth a word.
const PATIENCE: Duration = Duration::from_secs(2);

/// One wait, or several in a row; the status line goes with it.
#[derive(Debug)]
pub(crate) struct Progress {
    volume: Volume,
    /// Since when it waits for the same.
    begin: Instant,
    what: String,
    /// Whether that was said where there is no status line.
    said: bool,
}

impl Progress {
    /// Begins now.
    pub(crate) fn new(volume: Volume) -> Self {
        Self { volume, begin: Instant::now(), what: String::new(), said: false }
    }

    /// It waits for `what`, and the newest that is known of it is `detail`.
    pub(crate) fn show(&mut self, what: &str, detail: &str) {
        if self.what != what {
            if !self.what.is_empty() {
                self.done();
            }
            what.clone_into(&mut self.what);
            self.said = false;
        }
        let took = self.begin.elapsed();
        if took < PATIENCE || self.volume == Volume::Quiet {
            return;
        }
        if statusline::shared().exists() {
            let separator = if detail.is_empty() { "" } else { ": " };
            statusline::shared().set(format!("{what} ({}){separator}{detail}", human(took)).as_str());
        } else if !self.said {
            self.volume.say(format!("{what} …"));
            self.said = true;
        }
    }
}

impl Progress {
    /// It waits for nothing any more; the next wait has a begin of its own.
    pub(crate) fn done(&mut self) {
        self.begin = Instant::now();
        statusline::shared().clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.done();
    }
}
