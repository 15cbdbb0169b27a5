//! When a batch is due: a moment after the last event, at the latest some moments after the first, and never in the middle of a git operation.
//!
//! A pure state machine: time and the state of git's lock come from outside.

use std::time::{Duration, Instant, SystemTime};

/// The lengths of time that decide.
#[derive(Clone, Copy, Debug)]
pub(super) struct Windows {
    /// A batch waits until nothing happened for this long.
    pub(super) quiet: Duration,
    /// A file that is written all the time must not hold back the others for longer.
    pub(super) cap: Duration,
    /// What a crashed git left behind must not hold anything back for longer: as long as git is at work, something happens.
    pub(super) hold: Duration,
    /// No operation of git holds anything back for longer.
    pub(super) longest: Duration,
    /// How often git's lock is looked at while it holds a batch back.
    pub(super) recheck: Duration,
}

impl Default for Windows {
    fn default() -> Self {
        Self {
            quiet: Duration::from_millis(20),
            cap: Duration::from_millis(150),
            hold: Duration::from_secs(10),
            longest: Duration::from_secs(120),
            recheck: Duration::from_millis(10),
        }
    }
}

/// Which lock file it is: another one has another time or length, and so has one that its owner works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lock {
    pub(super) modified: SystemTime,
    pub(super) length: u64,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing happened.
    Idle,
    /// Ask again then, or after an event.
    Wait(Instant),
    /// The batch is due.
    Release {
        /// When its first event was.
        first: Instant,
        /// Git's lock held it back for as long as anything may, and did not move.
        stale_lock: bool,
    },
}

/// See [`Debounce::step`].
#[derive(Debug)]
pub(super) struct Debounce {
    windows: Windows,
    pending: Option<Pending>,
    /// A lock that is no longer waited for.
    stale: Option<Lock>,
}

#[derive(Debug)]
struct Pending {
    first: Instant,
    last: Instant,
    capped: Instant,
    held: Option<Held>,
}

#[derive(Clone, Copy, Debug)]
struct Held {
    since: Instant,
    lock: Lock,
    /// It was there when last looked at.
    now: bool,
}

impl Debounce {
    pub(super) fn new(windows: Windows) -> Self {
        Self { windows, pending: None, stale: None }
    }

    /// Something happened at `at`.
    pub(super) fn note(&mut self, at: Instant) {
        let Windows { cap, .. } = self.windows;
        let pending = self.pending.get_or_insert(Pending { first: at, last: at, capped: at + cap, held: None });
        pending.last = pending.last.max(at);
    }

    /// What to do at `now`. `lock` is asked only when a batch would be due.
    pub(super) fn step(&mut self, now: Instant, lock: impl FnOnce() -> Option<Lock>) -> Step {
        let Windows { quiet, cap, hold, longest, recheck } = self.windows;
        let Some(pending) = &mut self.pending else { return Step::Idle };
        let due = (pending.last + quiet).min(pending.capped);
        if now < due {
            return Step::Wait(due);
        }
        let lock = lock();
        if lock.is_none() {
            self.stale = None;
        }
        let since = pending.held.map_or(now, |held| held.since);
        let limit = (since.max(pending.last) + hold).min(since + longest);
        match (lock, &mut pending.held) {
            (Some(lock), _) if self.stale == Some(lock) => {}
            (Some(lock), held) if now < limit => {
                held.get_or_insert(Held { since: now, lock, now: true }).now = true;
                return Step::Wait((now + recheck).min(limit));
            }
            // Operations of several steps, as a rebase, take the lock again at once.
            (None, Some(held)) if held.now && now < limit => {
                held.now = false;
                pending.last = now;
                pending.capped = now + cap;
                return Step::Wait(now + quiet);
            }
            _ => {}
        }
        let stale = lock.filter(|lock| pending.held.is_some_and(|held| held.lock == *lock));
        let release = Step::Release { first: pending.first, stale_lock: stale.is_some() };
        if stale.is_some() {
            self.stale = stale;
        }
        self.pending = None;
        release
    }
}

#[cfg(test)]
mod tests;
