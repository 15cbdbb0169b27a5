//! What programs print: passed on to the container's log in whole lines, with the last of them kept for reports. And what the reloader says itself.
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::oneshot;

use crate::lines;

/// How many lines are kept of each process, and how much of each line.
const KEPT: (usize, usize) = (40, 4096);

/// One writer at a time, also where standard output and standard error are the same terminal.
static WRITING: Mutex<()> = Mutex::new(());

/// Where lines go.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stream {
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

impl Stream {
    fn write(self, lines: &[u8]) {
        let _one = lock(&WRITING);
        // A log that nobody takes must not stop a program: what cannot be written is lost, and the pipe stays empty.
        let _ = match self {
            Stream::Output => io::stdout().write_all(lines).and_then(|()| io::stdout().flush()),
            Stream::Error => io::stderr().write_all(lines),
        };
    }
}

/// The last lines of a process, and what it said when it panicked: a backtrace is longer than what is kept.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tail(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    last: VecDeque<String>,
    /// The place and the message of the last panic.
    panic: Vec<String>,
    /// How many lines came since the panic began.
    since: usize,
}

impl Tail {
    /// The lines, oldest first.
    pub(crate) fn lines(&self) -> Vec<String> {
        let kept = lock(&self.0);
        let scrolled_out = if kept.since > KEPT.0 { kept.panic.len() } else { 0 };
        kept.panic.iter().take(scrolled_out).chain(kept.last.iter().skip(scrolled_out)).cloned().collect()
    }

    fn keep(&self, lines: &[u8]) {
        let mut kept = lock(&self.0);
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            let line = String::from_utf8_lossy(&line[..line.len().min(KEPT.1)]).into_owned();
            kept.since += 1;
            if line.contains(" panicked at ") {
                (kept.panic, kept.since) = (vec![line.clone()], 1);
            } else if kept.since == 2 && kept.panic.len() == 1 {
                kept.panic.push(line.clone());
            }
            if kept.last.len() == KEPT.0 {
                kept.last.pop_front();
            }
            kept.last.push_back(line);
        }
    }
}

/// Passes on everything that comes through `pipe`, in whole lines and in its order, until its other end is closed; then the receiver hears of it.
/// It has a thread of its own: a log that is slow stops programs, as it does without a reloader, but not the reloader.
pub(crate) fn forward(mut pipe: impl Read + Send + 'static, stream: Stream, tail: Tail) -> oneshot::Receiver<()> {
    let (done, ended) = oneshot::channel();
    thread::spawn(move || {
        let mut pending = Vec::new();
        let mut chunk = vec![0; 64 * 1024];
        loop {
            let read = match pipe.read(&mut chunk) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Ok(0) | Err(_) => break,
                Ok(read) => &chunk[..read],
            };
            let end = read.iter().rposition(|byte| *byte == b'\n').map(|last| pending.len() + last + 1);
            pending.extend_from_slice(read);
            // A line that never ends is passed on in pieces.
            let end = end.or_else(|| (pending.len() > lines::MAX).then_some(pending.len()));
            if let Some(end) = end {
                tail.keep(&pending[..end]);
                stream.write(&pending[..end]);
                pending.drain(..end);
            }
        }
        if !pending.is_empty() {
            // The next process must not go on in this line.
            pending.push(b'\n');
            tail.keep(&pending);
            stream.write(&pending);
        }
        let _ = done.send(());
    });
    ended
}

/// Writes a line of the reloader itself to the container's log.
pub(crate) fn say(level: &str, message: &str, facts: &Value) {
    let mut line = json!({ "timestamp": now(), "level": level, "target": "reloader", "message": message });
    if let (Value::Object(line), Value::Object(facts)) = (&mut line, facts) {
        line.extend(facts.clone());
    }
    Stream::Error.write(format!("{line}\n").as_bytes());
}

/// The time, as RFC 3339 has it.
pub(crate) fn now() -> String {
    OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept() {
        let tail = Tail::default();
        for line in 1..=50 {
            tail.keep(format!("line {line}\n").as_bytes());
        }
        tail.keep(b"a\nb");
        let lines = tail.lines();
        assert_eq!(lines.len(), KEPT.0);
        assert_eq!((lines[0].as_str(), &lines[37..]), ("line 13", &["line 50".to_owned(), "a".to_owned(), "b".to_owned()][..]));
    }

    #[test]
    fn a_panic_is_kept_over_its_backtrace() {
        let tail = Tail::default();
        tail.keep(b"before\nthread 'main' panicked at src/main.rs:1:2:\nit is broken\n");
        assert_eq!(tail.lines().len(), 3);
        for line in 1..=50 {
            tail.keep(format!("line {line}\n").as_bytes());
        }
        let lines = tail.lines();
        assert_eq!((lines.len(), lines[1].as_str(), lines[2].as_str()), (KEPT.0, "it is broken", "line 13"));
    }
}
