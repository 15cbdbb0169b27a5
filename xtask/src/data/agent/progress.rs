//! How far the agent is, on a terminal: bytes and rate of each part that it is at.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::report::{Volume, human_bytes};
use crate::statusline;

/// The line that says it.
#[derive(Default)]
pub(super) struct Line(BTreeMap<String, Part>);

struct Part {
    bytes: u64,
    total: Option<u64>,
    begun: Instant,
}

impl Line {
    /// Something else begins.
    pub(super) fn step(&mut self, volume: Volume, text: &str) {
        statusline::shared().clear();
        self.0.clear();
        volume.say(text);
    }

    /// `bytes` of the part `part` are done.
    pub(super) fn progress(&mut self, volume: Volume, part: &str, bytes: u64, total: Option<u64>) {
        // One part is read more than once, each time from its beginning.
        let begun = self.0.get(part).filter(|known| known.bytes <= bytes).map_or_else(Instant::now, |known| known.begun);
        self.0.insert(part.to_owned(), Part { bytes, total, begun });
        if volume != Volume::Quiet {
            statusline::shared().set(self.text().as_str());
        }
    }

    /// What is under way. A part that is done says nothing more, so what is whole is left out.
    fn text(&self) -> String {
        let parts = self.0.iter().filter(|(_, part)| part.total.is_none_or(|total| part.bytes < total));
        format!("  {}", parts.map(|(name, part)| format!("{name}: {}", part.text(part.begun.elapsed()))).collect::<Vec<_>>().join("; "))
    }
}

impl Part {
    fn text(&self, time: Duration) -> String {
        let rate = self.bytes as f64 / time.as_secs_f64().max(0.1);
        let of = self.total.map(|total| format!(" of {}", human_bytes(total))).unwrap_or_default();
        format!("{}{of}, {}/s", human_bytes(self.bytes), human_bytes(rate as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_apart_and_what_is_whole_is_left_out() {
        let part = |bytes, total| Part { bytes, total, begun: Instant::now() };
        let line =
            Line([("db".to_owned(), part(1, None)), ("media".to_owned(), part(5, Some(5))), ("redis".to_owned(), part(1, Some(2)))].into());
        let text = line.text();
        assert!(text.starts_with("  db: ") && text.contains("; redis: ") && !text.contains("media"), "{text}");
        assert_eq!(part(2 << 20, Some(6 << 20)).text(Duration::from_secs(2)), "2.0 MB of 6.0 MB, 1.0 MB/s");
    }
}
