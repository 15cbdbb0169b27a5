//! Which lines of a container's log were passed on already. Reading goes on a little before the place where it ended: times are taken before lines
//! are written, so a later line can have an earlier time.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use super::stamp::Stamp;

/// How far times of one log may be out of order.
const SLACK: Duration = Duration::from_secs(1);
/// How many lines are remembered at most.
const REMEMBERED: usize = 16_384;

/// The memory of one container's log.
#[derive(Debug)]
pub(super) struct Seen {
    /// Nothing before is wanted, or remembered.
    floor: Stamp,
    /// The latest time of a line.
    latest: Stamp,
    /// Time and hash of each line within the slack, in the order in which they came.
    recent: VecDeque<(Stamp, u64)>,
    /// Those of them that come once more, with how often.
    again: HashMap<(Stamp, u64), usize>,
    hasher: RandomState,
}

impl Seen {
    /// Nothing yet; lines before `floor` are not wanted.
    pub(super) fn nothing_before(floor: Stamp) -> Self {
        Self { floor, latest: floor, recent: VecDeque::new(), again: HashMap::new(), hasher: RandomState::new() }
    }

    /// From when on to read again. What was passed on since then is expected once more.
    pub(super) fn again_from(&mut self) -> Stamp {
        let from = self.floor.max(self.latest.before(SLACK));
        self.again.clear();
        for entry in self.recent.iter().filter(|(at, _)| *at >= from) {
            *self.again.entry(*entry).or_default() += 1;
        }
        from
    }

    /// Takes in a line; whether it is one that was not passed on before.
    pub(super) fn is_new(&mut self, at: Stamp, text: &[u8]) -> bool {
        if at < self.floor {
            return false;
        }
        let entry = (at, self.hasher.hash_one(text));
        if at > self.latest {
            // Whatever was passed on stands before this line.
            self.again.clear();
        } else if let Some(left) = self.again.get_mut(&entry) {
            *left -= 1;
            if *left == 0 {
                self.again.remove(&entry);
            }
            return false;
        }
        self.latest = self.latest.max(at);
        self.recent.push_back(entry);
        while self.recent.front().is_some_and(|(first, _)| *first < self.latest.before(SLACK)) {
            self.recent.pop_front();
        }
        if self.recent.len() > REMEMBERED
            && let Some((forgotten, _)) = self.recent.pop_front()
        {
            self.floor = self.floor.max(Stamp(forgotten.0 + 1));
        }
        true
    }

    /// Forgets that earlier lines could be wanted: the first one that was passed on is where the wanted part begins.
    pub(super) fn begin_at(&mut self, first: Stamp) {
        self.floor = self.floor.max(first);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    /// Reads `log` from where `seen` wants it, and returns what is new.
    fn read<'a>(seen: &mut Seen, log: &[(u64, &'a str)]) -> Vec<&'a str> {
        let from = seen.again_from();
        // As the engine does: lines from a time on, in the order in which they were written.
        let lines = log.iter().filter(|(at, _)| Stamp(*at) >= from);
        lines.filter(|(at, text)| seen.is_new(Stamp(*at), text.as_bytes())).map(|(_, text)| *text).collect()
    }

    #[test]
    fn a_log_that_is_read_again_gives_what_came_since() {
        let mut seen = Seen::nothing_before(Stamp(0));
        let log = [(1, "a"), (2, "b"), (2, "b"), (2, "c"), (3, "b")];
        assert_eq!(read(&mut seen, &log[..3]), ["a", "b", "b"]);
        assert_eq!(read(&mut seen, &log[..3]), [""; 0]);
        assert_eq!(read(&mut seen, &log), ["c", "b"], "the same time, or the same words, are another line");
        assert_eq!(read(&mut seen, &log), [""; 0]);
    }

    #[test]
    fn a_line_with_an_earlier_time_is_not_lost() {
        let mut seen = Seen::nothing_before(Stamp(0));
        assert_eq!(read(&mut seen, &[(5 * SECOND, "stdout")]), ["stdout"]);
        assert_eq!(read(&mut seen, &[(5 * SECOND, "stdout"), (5 * SECOND - 3, "stderr")]), ["stderr"]);
        assert_eq!(read(&mut seen, &[(5 * SECOND, "stdout"), (5 * SECOND - 3, "stderr"), (6 * SECOND, "next")]), ["next"]);
    }

    #[test]
    fn a_rotated_log_has_only_its_rest() {
        let mut seen = Seen::nothing_before(Stamp(0));
        assert_eq!(read(&mut seen, &[(1, "a"), (2, "b"), (3, "c")]), ["a", "b", "c"]);
        assert_eq!(read(&mut seen, &[(3, "c"), (4, "d")]), ["d"]);
    }

    #[test]
    fn what_was_not_wanted_stays_away() {
        let mut seen = Seen::nothing_before(Stamp(0));
        // `--tail 1` of a log of three lines.
        seen.begin_at(Stamp(3));
        assert!(seen.is_new(Stamp(3), b"c"));
        assert_eq!(read(&mut seen, &[(1, "a"), (2, "b"), (3, "c"), (4, "d")]), ["d"]);
    }

    #[test]
    fn memory_is_bounded_and_nothing_doubles() {
        let mut seen = Seen::nothing_before(Stamp(0));
        let lines: Vec<(u64, String)> = (0..50_000).map(|n| (n * 1000, n.to_string())).collect();
        let log: Vec<(u64, &str)> = lines.iter().map(|(at, text)| (*at, text.as_str())).collect();
        assert_eq!(read(&mut seen, &log[..40_000]).len(), 40_000);
        assert_eq!(seen.recent.len(), REMEMBERED);
        assert_eq!(read(&mut seen, &log).len(), 10_000);
    }
}
