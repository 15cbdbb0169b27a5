//! The newest log lines, bounded in number and in bytes.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

/// How many lines are kept.
const LINES: usize = 20_000;

/// How many bytes they may take.
const BYTES: usize = 16 * 1024 * 1024;

/// What a line takes besides its texts.
const OVERHEAD: usize = size_of::<Line>() + 64;

/// A log line of a service.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Line {
    /// Counts lines; set when the line is kept.
    #[serde(default, skip_deserializing)]
    pub(crate) n: u64,
    pub(crate) at: String,
    pub(crate) service: String,
    #[serde(default)]
    pub(crate) level: Option<String>,
    #[serde(default)]
    pub(crate) request_id: Option<String>,
    pub(crate) text: String,
}

/// Which lines somebody wants to see. What is empty does not matter.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Filter {
    service: String,
    /// This level or a worse one.
    level: String,
    /// A part of the text; capitals do not matter.
    q: String,
    request_id: String,
    pub(crate) limit: Option<usize>,
}

/// The lines.
#[derive(Debug, Default)]
pub(crate) struct Logs {
    lines: VecDeque<Line>,
    bytes: usize,
    /// How many lines there have ever been: the number of the next one.
    count: u64,
}

/// Some lines in their order.
#[derive(Debug, Serialize)]
pub(crate) struct Batch<'a> {
    /// How many lines before these were dropped before they could be sent.
    pub(crate) skipped: u64,
    pub(crate) lines: Vec<&'a Line>,
}

impl Line {
    fn weight(&self) -> usize {
        let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        OVERHEAD + self.at.len() + self.service.len() + self.text.len() + optional(&self.level) + optional(&self.request_id)
    }
}

impl Logs {
    /// Keeps a line, at the cost of the oldest.
    pub(crate) fn push(&mut self, mut line: Line) {
        line.n = self.count;
        self.count += 1;
        self.bytes += line.weight();
        self.lines.push_back(line);
        while self.lines.len() > LINES || self.bytes > BYTES {
            match self.lines.pop_front() {
                Some(oldest) => self.bytes -= oldest.weight(),
                None => break,
            }
        }
    }

    /// How many lines there have ever been.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// How many bytes the lines take, about.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// At most `most` lines from the one with the number `next` on; nothing when there are none.
    pub(crate) fn from(&self, next: u64, most: usize) -> Option<Batch<'_>> {
        let oldest = self.count - self.lines.len() as u64;
        let first = next.max(oldest);
        let lines: Vec<&Line> = self.lines.iter().skip(usize::try_from(first - oldest).unwrap_or(usize::MAX)).take(most).collect();
        (!lines.is_empty()).then_some(Batch { skipped: first - next, lines })
    }

    /// The newest lines that pass the filter, oldest first.
    pub(crate) fn search(&self, filter: &Filter, most: usize) -> Vec<&Line> {
        let (wanted, worst) = (filter.q.to_lowercase(), severity(&filter.level));
        let passes = |line: &&Line| {
            (filter.service.is_empty() || filter.service == line.service)
                && (filter.level.is_empty() || severity(line.level.as_deref().unwrap_or_default()) >= worst)
                && (filter.request_id.is_empty() || line.request_id.as_ref() == Some(&filter.request_id))
                && (wanted.is_empty() || line.text.to_lowercase().contains(&wanted))
        };
        let mut found: Vec<&Line> = self.lines.iter().rev().filter(passes).take(most).collect();
        found.reverse();
        found
    }
}

/// Levels in their order. What has none, or one that is not known, counts as information.
fn severity(level: &str) -> u8 {
    match level.to_ascii_lowercase().as_str() {
        "trace" => 0,
        "debug" => 1,
        "warn" | "warning" => 3,
        "error" | "fatal" | "panic" | "critical" => 4,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(service: &str, level: &str, text: &str) -> Line {
        let level = (!level.is_empty()).then(|| level.to_owned());
        Line { n: 0, at: String::new(), service: service.to_owned(), level, request_id: Some(format!("r-{text}")), text: text.to_owned() }
    }

    #[test]
    fn the_number_of_lines_is_bounded_and_who_is_late_learns_what_is_missing() {
        let mut logs = Logs::default();
        for number in 0..LINES + 7 {
            logs.push(line("db", "", &number.to_string()));
        }
        assert_eq!((logs.lines.len(), logs.count()), (LINES, LINES as u64 + 7));
        let batch = logs.from(2, 3).unwrap();
        assert_eq!((batch.skipped, batch.lines.len(), batch.lines[0].n, batch.lines[0].text.as_str()), (5, 3, 7, "7"));
        let last = logs.from(logs.count() - 1, 500).unwrap();
        assert_eq!((last.skipped, last.lines.len()), (0, 1));
        assert!(logs.from(logs.count(), 500).is_none());
    }

    #[test]
    fn the_bytes_are_bounded() {
        let mut logs = Logs::default();
        let text = "x".repeat(100_000);
        for _ in 0..1000 {
            logs.push(line("db", "INFO", &text));
            assert!(logs.bytes() <= BYTES);
        }
        assert!(logs.lines.len() > 50);
        assert_eq!(logs.bytes(), logs.lines.iter().map(Line::weight).sum::<usize>());
    }

    #[test]
    fn filters_narrow_the_newest_lines() {
        let mut logs = Logs::default();
        for (service, level, text) in
            [("db", "", "Ready"), ("backend", "DEBUG", "ready"), ("backend", "WARN", "slow"), ("backend", "ERROR", "already")]
        {
            logs.push(line(service, level, text));
        }
        let texts = |filter: Filter, most| logs.search(&filter, most).iter().map(|line| line.text.as_str()).collect::<Vec<_>>();
        let of = |text: &str| text.to_owned();
        assert_eq!(texts(Filter::default(), 2), ["slow", "already"]);
        assert_eq!(texts(Filter { service: of("db"), ..Filter::default() }, 9), ["Ready"]);
        assert_eq!(texts(Filter { level: of("info"), ..Filter::default() }, 9), ["Ready", "slow", "already"]);
        assert_eq!(texts(Filter { level: of("WARN"), ..Filter::default() }, 9), ["slow", "already"]);
        assert_eq!(texts(Filter { q: of("READY"), ..Filter::default() }, 9), ["Ready", "ready", "already"]);
        assert_eq!(texts(Filter { q: of("ready"), service: of("backend"), ..Filter::default() }, 1), ["already"]);
        assert_eq!(texts(Filter { request_id: of("r-slow"), ..Filter::default() }, 9), ["slow"]);
        assert_eq!(texts(Filter { request_id: of("r-"), ..Filter::default() }, 9), [""; 0]);
    }
}
