//! The log of one container, line by line, from one `docker container logs --timestamps`.

use std::io::{BufRead, BufReader, Read as _};
use std::sync::Arc;

use super::merge::Ordered;
use super::stamp::Stamp;
use crate::process::{Invocation, Stream};

/// The engine keeps lines in parts of this size; it writes the time in front of each part.
const PART: usize = 16 * 1024;
/// Longer lines are shown as several, so that a program that never ends its line cannot fill the memory.
const LONGEST: usize = 1 << 20;

/// Whose lines these are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    /// The service.
    pub(crate) service: Arc<str>,
    /// The container's name.
    pub(crate) container: Arc<str>,
}

/// A log that is being read.
pub(crate) struct Source<R = BufReader<Stream>> {
    /// Whose it is.
    pub(crate) origin: Origin,
    reader: R,
    line: Vec<u8>,
    /// Where the text begins in `line`.
    begin: usize,
    at: Stamp,
    /// The last line had no end: what comes now belongs to it.
    open: bool,
    /// What is no log line: the client's own words.
    said: Option<String>,
}

impl Source {
    /// Starts `invocation`; the stream can end it. Both streams of the container come through one pipe, so they keep the order that the log has.
    ///
    /// # Errors
    /// When the client cannot be started.
    pub(crate) fn open(invocation: &Invocation, origin: Origin) -> anyhow::Result<(Self, Stream)> {
        let stream = invocation.stream()?;
        Ok((Self::new(BufReader::with_capacity(1 << 16, stream.clone()), origin), stream))
    }
}

impl<R: BufRead> Source<R> {
    fn new(reader: R, origin: Origin) -> Self {
        Self { origin, reader, line: Vec::new(), begin: 0, at: Stamp::default(), open: false, said: None }
    }

    /// The line that was read last, without its end.
    pub(crate) fn text(&self) -> &[u8] {
        &self.line[self.begin..]
    }

    /// What the client said, where it wrote something that is no log line.
    pub(crate) fn said(&self) -> Option<&str> {
        self.said.as_deref()
    }

    /// Reads up to the end of a line; whether there was anything.
    fn read(&mut self) -> bool {
        self.line.clear();
        // A killed client ends the stream; what it wrote last may be half a line, which is no error.
        let read = self.reader.by_ref().take(LONGEST as u64).read_until(b'\n', &mut self.line).unwrap_or(0);
        read > 0
    }
}

impl<R: BufRead> Ordered for Source<R> {
    fn advance(&mut self) -> bool {
        while self.read() {
            let continues = self.open;
            self.open = self.line.last() != Some(&b'\n');
            while matches!(self.line.last(), Some(b'\n' | b'\r')) {
                self.line.pop();
            }
            if continues {
                self.begin = 0;
                return true;
            }
            if let Some((at, begin)) = stamped(&self.line) {
                self.at = at;
                self.begin = begin;
                join_parts(&mut self.line, begin);
                return true;
            }
            self.said = Some(String::from_utf8_lossy(&self.line).into_owned());
        }
        false
    }

    fn at(&self) -> Stamp {
        self.at
    }
}

/// The time in front of a line, and where the text behind it begins.
fn stamped(line: &[u8]) -> Option<(Stamp, usize)> {
    let end = line.iter().take(40).position(|byte| *byte == b' ').unwrap_or(line.len().min(40));
    Some((Stamp::parse(&line[..end])?, (end + 1).min(line.len())))
}

/// Takes out the times that stand between the parts of a long line. All parts have the time of the first one.
fn join_parts(line: &mut Vec<u8>, begin: usize) {
    let stamp = line[..begin].to_vec();
    let mut next = begin + PART;
    while line.get(next..next + stamp.len()).is_some_and(|between| between == stamp) {
        line.drain(next..next + stamp.len());
        next += PART;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<(String, String)>, Option<String>) {
        let origin = Origin { service: "db".into(), container: "slipway-db-1".into() };
        let mut source = Source::new(text.as_bytes(), origin);
        let mut lines = Vec::new();
        while source.advance() {
            lines.push((source.at().to_string(), String::from_utf8(source.text().to_vec()).expect("text")));
        }
        (lines, source.said().map(str::to_owned))
    }

    const AT: &str = "2026-01-01T00:00:00.000000001Z";

    fn at(text: &str) -> (String, String) {
        (AT.to_owned(), text.to_owned())
    }

    #[test]
    fn lines_lose_their_time_and_end() {
        let (lines, said) = read(&format!("{AT} one\r\n{AT} \n{AT}  indented\n{AT} half"));
        assert_eq!((lines, said), (vec![at("one"), at(""), at(" indented"), at("half")], None));
    }

    #[test]
    fn words_of_the_client_are_no_lines() {
        let (lines, said) = read(&format!("{AT} one\nError response from daemon: No such container: x\n"));
        assert_eq!((lines, said.as_deref()), (vec![at("one")], Some("Error response from daemon: No such container: x")));
    }

    #[test]
    fn parts_of_a_long_line_are_one() {
        let (first, second, third) = ("a".repeat(PART), "b".repeat(PART), "c".repeat(7));
        let (lines, _) = read(&format!("{AT} {first}{AT} {second}{AT} {third}\n{AT} next\n"));
        assert_eq!(lines, [at(&format!("{first}{second}{third}")), at("next")]);
    }

    #[test]
    fn a_line_without_end_is_shown_in_pieces() {
        let long = "x".repeat(LONGEST + 100);
        let (lines, said) = read(&format!("{AT} {long}\n{AT} next\n"));
        assert_eq!((lines.len(), said), (3, None));
        assert_eq!(lines[0].1.len() + lines[1].1.len(), long.len());
        assert_eq!(lines[2], at("next"));
    }
}
