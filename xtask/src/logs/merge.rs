//! Several logs as one, ordered by time: exactly where they are read to their end, within a moment where they go on.

use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::Line;
use super::stamp::Stamp;

/// How long a line waits for earlier lines of other containers.
const WINDOW: Duration = Duration::from_millis(40);
/// How many lines wait at most.
const WAITING: usize = 1024;

/// Something that has one line at a time.
pub(crate) trait Ordered {
    /// Reads the next line; whether there is one.
    fn advance(&mut self) -> bool;
    /// When the present line was written.
    fn at(&self) -> Stamp;
}

/// Calls `each` with every source that has the earliest line of all, until they end or it breaks. Each source has one line in memory.
/// A source keeps its own order, also where its times go back.
pub(crate) fn merge<S: Ordered>(sources: &mut [S], mut each: impl FnMut(&S) -> ControlFlow<()>) -> ControlFlow<()> {
    // The time that a source counts as: the latest of its lines so far.
    let mut heads: Vec<(usize, Stamp)> = Vec::new();
    for (index, source) in sources.iter_mut().enumerate() {
        if source.advance() {
            heads.push((index, source.at()));
        }
    }
    while let Some(place) = (0..heads.len()).min_by_key(|place| (heads[*place].1, heads[*place].0)) {
        let (index, at) = heads[place];
        each(&sources[index])?;
        if sources[index].advance() {
            heads[place].1 = at.max(sources[index].at());
        } else {
            heads.remove(place);
        }
    }
    ControlFlow::Continue(())
}

/// Passes on what comes, the lines of a moment in the order of their times, until the senders are gone or `send` breaks.
pub(super) fn batches(receive: &Receiver<Line>, mut send: impl FnMut(Vec<Line>) -> ControlFlow<()>) -> ControlFlow<()> {
    while let Ok(first) = receive.recv() {
        let until = Instant::now() + WINDOW;
        let mut batch = vec![first];
        let mut ended = false;
        while batch.len() < WAITING && !ended {
            match receive.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => batch.push(line),
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => ended = true,
            }
        }
        // Stable: lines of one moment stay as they came.
        batch.sort_by_key(|line| line.at);
        send(batch)?;
    }
    ControlFlow::Continue(())
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    struct Sample {
        lines: VecDeque<(u64, &'static str)>,
        head: (u64, &'static str),
    }

    impl Ordered for Sample {
        fn advance(&mut self) -> bool {
            self.lines.pop_front().map(|head| self.head = head).is_some()
        }

        fn at(&self) -> Stamp {
            Stamp(self.head.0)
        }
    }

    fn sample(lines: &[(u64, &'static str)]) -> Sample {
        Sample { lines: lines.iter().copied().collect(), head: (0, "") }
    }

    #[test]
    fn lines_come_in_the_order_of_their_times() {
        let mut sources = [sample(&[(1, "a1"), (4, "a4"), (9, "a9")]), sample(&[]), sample(&[(2, "b2"), (3, "b3"), (4, "b4")])];
        let mut seen = Vec::new();
        let flow = merge(&mut sources, |source| {
            seen.push(source.head.1);
            ControlFlow::Continue(())
        });
        assert_eq!((seen, flow), (vec!["a1", "b2", "b3", "a4", "b4", "a9"], ControlFlow::Continue(())));
    }

    #[test]
    fn a_source_whose_clock_goes_back_keeps_its_order() {
        let mut sources = [sample(&[(5, "a5"), (1, "a1"), (7, "a7")]), sample(&[(6, "b6")])];
        let mut seen = Vec::new();
        let _ = merge(&mut sources, |source| {
            seen.push(source.head.1);
            ControlFlow::Continue(())
        });
        assert_eq!(seen, ["a5", "a1", "b6", "a7"]);
    }

    #[test]
    fn nothing_is_read_after_a_break() {
        let mut sources = [sample(&[(1, "a1"), (2, "a2")])];
        let flow = merge(&mut sources, |_| ControlFlow::Break(()));
        assert_eq!((flow, sources[0].lines.len()), (ControlFlow::Break(()), 1));
    }

    #[test]
    fn what_waits_together_is_sorted_and_nothing_is_lost() {
        let (send, receive) = std::sync::mpsc::channel();
        let line = |at: u64| Line { at: Stamp(at), service: "db".into(), container: "db-1".into(), text: at.to_string().into_bytes() };
        for at in (0..3000).rev() {
            send.send(line(at)).expect("received");
        }
        drop(send);
        let mut seen = Vec::new();
        let _ = batches(&receive, |batch| {
            assert!(batch.len() <= WAITING && batch.is_sorted_by_key(|line| line.at));
            seen.extend(batch.into_iter().map(|line| line.at.0));
            ControlFlow::Continue(())
        });
        seen.sort_unstable();
        assert_eq!(seen, (0..3000).collect::<Vec<u64>>());
    }
}
