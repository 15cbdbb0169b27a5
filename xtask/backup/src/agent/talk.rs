//! What is said on stdout: one JSON object a line.

use std::io::Write as _;
use std::time::{Duration, Instant};

use backup::Event;

/// How often a person wants to know how far it is.
const PERIOD: Duration = Duration::from_millis(200);

/// Says `event`. Whoever does not listen any more is noticed by the end of stdin.
pub(crate) fn say(event: &Event) {
    if let Ok(line) = serde_json::to_string(event) {
        let mut stdout = std::io::stdout().lock();
        let _ = writeln!(stdout, "{line}").and_then(|()| stdout.flush());
    }
}

/// Says what is done now.
pub(crate) fn step(text: impl Into<String>) {
    say(&Event::Step { text: text.into() });
}

/// Says something that a person should know.
pub(crate) fn warn(text: impl Into<String>) {
    say(&Event::Warning { text: text.into() });
}

/// Counts bytes of a part and says now and then how many.
pub(crate) struct Meter {
    part: String,
    bytes: u64,
    total: Option<u64>,
    said: Instant,
}

impl Meter {
    /// Nothing of `part` yet.
    pub(crate) fn new(part: &str, total: Option<u64>) -> Self {
        Self { part: part.to_owned(), bytes: 0, total, said: Instant::now() }
    }

    /// Whether it is much more than it was to be: a stream may claim anything.
    pub(crate) fn is_beyond(&self) -> bool {
        self.total.is_some_and(|total| self.bytes > total.saturating_mul(2).saturating_add(64 << 20))
    }

    /// Whether files of so many bytes, with their holes, are more than it was to be.
    pub(crate) fn exceeds(&self, bytes: u64) -> bool {
        self.total.is_some_and(|total| bytes > total)
    }

    /// So many more.
    pub(crate) fn add(&mut self, bytes: u64) {
        self.bytes += bytes;
        if self.said.elapsed() >= PERIOD {
            self.said = Instant::now();
            say(&Event::Progress { part: self.part.clone(), bytes: self.bytes, total: self.total });
        }
    }
}
