//! When a service that is not well is restarted, and when that is given up. Pure; time is an argument.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// The pause after the first restart; it doubles with each one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// So many restarts without a calm time in between are enough, where nothing else is said.
const LIMIT: u32 = 5;
/// The pause does not get longer than this.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// A service that was well for so long begins anew. A health check may take two minutes to say so again.
const CALM: Duration = Duration::from_secs(600);

/// What is done about a service that is not well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is restarted after this time.
    Restart(Duration),
    /// Restarts did not help.
    GiveUp,
    /// That was said already.
    Nothing,
}

/// Remembers what was tried.
#[derive(Clone, Debug)]
pub(crate) struct Healer {
    limit: u32,
    tries: BTreeMap<String, (u32, Instant)>,
}

impl Default for Healer {
    fn default() -> Self {
        Self::new(LIMIT)
    }
}

impl Healer {
    /// That gives up after `limit` restarts.
    pub(crate) fn new(limit: u32) -> Self {
        Self { limit, tries: BTreeMap::new() }
    }

    /// From now on it gives up after `limit` restarts.
    pub(crate) fn limit(&mut self, limit: u32) {
        self.limit = limit;
    }

    /// `service` is not well.
    pub(crate) fn unwell(&mut self, service: &str, now: Instant) -> Verdict {
        let (tries, last) = self.tries.entry(service.to_owned()).or_insert((0, now));
        if now.saturating_duration_since(*last) > CALM {
            *tries = 0;
        }
        *last = now;
        *tries = tries.saturating_add(1);
        match *tries {
            // The first one is due at once.
            1 if self.limit > 0 => Verdict::Restart(Duration::ZERO),
            tries if tries <= self.limit => Verdict::Restart(FIRST_PAUSE.saturating_mul(1 << (tries - 2).min(10)).min(LONGEST_PAUSE)),
            tries if tries == self.limit + 1 => Verdict::GiveUp,
            _ => Verdict::Nothing,
        }
    }

    /// Whether restarts of `service` did not help.
    pub(crate) fn gave_up(&self, service: &str) -> bool {
        self.tries.get(service).is_some_and(|(tries, _)| *tries > self.limit)
    }

    /// Somebody did something about `service`: what was tried before does not count any more.
    pub(crate) fn forget(&mut self, service: &str) {
        self.tries.remove(service);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restarts_get_rarer_and_end() {
        let (mut healer, now) = (Healer::default(), Instant::now());
        let verdicts: Vec<Verdict> = (0..7).map(|_| healer.unwell("backend", now)).collect();
        let restart = |seconds| Verdict::Restart(Duration::from_secs(seconds));
        assert_eq!(verdicts, [restart(0), restart(1), restart(2), restart(4), restart(8), Verdict::GiveUp, Verdict::Nothing]);
        assert_eq!(healer.unwell("worker", now), restart(0), "others are not meant");
    }

    #[test]
    fn a_calm_time_or_a_new_program_begins_anew() {
        let (mut healer, now) = (Healer::default(), Instant::now());
        for _ in 0..6 {
            healer.unwell("backend", now);
        }
        assert_eq!(healer.unwell("backend", now + CALM + FIRST_PAUSE), Verdict::Restart(Duration::ZERO));
        healer.forget("backend");
        assert_eq!(healer.unwell("backend", now), Verdict::Restart(Duration::ZERO));
    }
}
