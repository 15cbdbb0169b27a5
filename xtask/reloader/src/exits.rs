//! When a program that ended by itself is started again: at once-ish at first, later and later, and in the end not any more.
use std::collections::VecDeque;
use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(5);
/// So many ends within [`PERIOD`] are enough.
const ENOUGH: usize = 10;
const PERIOD: Duration = Duration::from_secs(60);
/// A program that served for so long is in order; its next end is a first one.
const IN_ORDER: Duration = Duration::from_secs(10);

/// The ends of a program.
#[derive(Debug, Default)]
pub(crate) struct Exits {
    recent: VecDeque<Instant>,
    delay: Option<Duration>,
}

impl Exits {
    /// Notes that the program ended `now` after it had `served`. Returns how long to wait before starting it again, or nothing to give up.
    pub(crate) fn record(&mut self, now: Instant, served: Duration) -> Option<Duration> {
        self.recent.push_back(now);
        while self.recent.front().is_some_and(|first| now.duration_since(*first) > PERIOD) {
            self.recent.pop_front();
        }
        if self.recent.len() >= ENOUGH {
            return None;
        }
        let delay = match self.delay {
            Some(delay) if served < IN_ORDER => (delay * 2).min(LONGEST),
            _ => FIRST,
        };
        self.delay = Some(delay);
        Some(delay)
    }

    /// Forgets everything: somebody asked for a new start.
    pub(crate) fn clear(&mut self) {
        *self = Exits::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_are_delayed_more_and_more_until_ten_in_a_minute() {
        let (mut exits, now) = (Exits::default(), Instant::now());
        let delays: Vec<_> = (0..10).map(|_| exits.record(now, Duration::ZERO).map(|delay| delay.as_millis())).collect();
        let expected = [200, 400, 800, 1600, 3200, 5000, 5000, 5000, 5000].map(Some);
        assert_eq!(delays[..9], expected);
        assert_eq!(delays[9], None);
        exits.clear();
        assert_eq!(exits.record(now, Duration::ZERO), Some(FIRST));
    }

    #[test]
    fn an_end_after_a_good_while_is_a_first_one() {
        let (mut exits, start) = (Exits::default(), Instant::now());
        for minute in 0..20 {
            assert_eq!(exits.record(start + PERIOD * minute, IN_ORDER), Some(FIRST));
        }
        assert_eq!(exits.record(start + PERIOD * 19, Duration::ZERO), Some(FIRST * 2));
    }
}
