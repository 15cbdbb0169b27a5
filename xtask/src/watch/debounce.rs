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
    /// What a crashed git left behind must not hold anything back for longer.
    pub(super) hold: Duration,
    /// How often git's lock is looked at while it holds a batch back.
    pub(super) recheck: Duration,
}

impl Default for Windows {
    fn default() -> Self {
        Self {
            quiet: Duration::from_millis(20),
            cap: Duration::from_millis(150),
            hold: Duration::from_secs(10),
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
        let Windows { quiet, cap, hold, recheck } = self.windows;
        let Some(pending) = &mut self.pending else { return Step::Idle };
        let due = (pending.last + quiet).min(pending.capped);
        if now < due {
            return Step::Wait(due);
        }
        let lock = lock();
        if lock.is_none() {
            self.stale = None;
        }
        let limit = pending.held.map_or(now, |held| held.since) + hold;
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
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// A debouncer with a clock that only the test moves.
    struct Clock {
        debounce: Debounce,
        start: Instant,
        lock: Option<u64>,
    }

    impl Clock {
        fn new() -> Self {
            Self { debounce: Debounce::new(Windows::default()), start: Instant::now(), lock: None }
        }

        fn note(&mut self, ms: u32) {
            self.debounce.note(self.start + MS * ms);
        }

        /// What happens at `ms`: `None` idle, `Err` wait until, `Ok` release with the time of the first event and whether the lock was stale.
        fn step(&mut self, ms: u32) -> Option<Result<(u128, bool), u128>> {
            let lock = self.lock.map(|length| Lock { modified: SystemTime::UNIX_EPOCH, length });
            let since = |instant: Instant| (instant - self.start).as_millis();
            match self.debounce.step(self.start + MS * ms, || lock) {
                Step::Idle => None,
                Step::Wait(until) => Some(Err(since(until))),
                Step::Release { first, stale_lock } => Some(Ok((since(first), stale_lock))),
            }
        }
    }

    #[test]
    fn nothing_is_due_when_nothing_happened() {
        assert_eq!(Clock::new().step(1000), None);
    }

    #[test]
    fn one_event_is_due_after_the_quiet_time() {
        let mut clock = Clock::new();
        clock.note(5);
        assert_eq!(clock.step(5), Some(Err(25)));
        assert_eq!(clock.step(24), Some(Err(25)));
        assert_eq!(clock.step(25), Some(Ok((5, false))));
        assert_eq!(clock.step(26), None);
    }

    #[test]
    fn each_event_begins_the_quiet_time_anew() {
        let mut clock = Clock::new();
        clock.note(0);
        clock.note(15);
        assert_eq!(clock.step(20), Some(Err(35)));
        clock.note(30);
        assert_eq!(clock.step(35), Some(Err(50)));
        assert_eq!(clock.step(50), Some(Ok((0, false))));
    }

    #[test]
    fn a_stream_of_events_is_cut_at_the_cap() {
        let mut clock = Clock::new();
        for ms in (0..150).step_by(10) {
            clock.note(ms);
            assert_eq!(clock.step(ms), Some(Err(u128::from(ms + 20).min(150))));
        }
        assert_eq!(clock.step(150), Some(Ok((0, false))));
        clock.note(151);
        assert_eq!(clock.step(151), Some(Err(171)));
    }

    #[test]
    fn events_that_arrive_out_of_order_do_not_shorten_the_quiet_time() {
        let mut clock = Clock::new();
        clock.note(10);
        clock.note(4);
        assert_eq!(clock.step(10), Some(Err(30)));
    }

    #[test]
    fn events_that_waited_in_the_queue_are_due_at_once() {
        let mut clock = Clock::new();
        clock.note(0);
        assert_eq!(clock.step(900), Some(Ok((0, false))));
    }

    #[test]
    fn the_lock_is_not_looked_at_before_a_batch_is_due() {
        let mut debounce = Debounce::new(Windows::default());
        let start = Instant::now();
        debounce.note(start);
        assert_eq!(debounce.step(start, || panic!("nothing is due")), Step::Wait(start + MS * 20));
    }

    #[test]
    fn a_lock_holds_the_batch_back_past_the_cap() {
        let mut clock = Clock::new();
        clock.note(0);
        clock.lock = Some(0);
        assert_eq!(clock.step(20), Some(Err(30)));
        clock.note(400);
        assert_eq!(clock.step(420), Some(Err(430)));
        clock.lock = None;
        assert_eq!(clock.step(430), Some(Err(450)), "the next step of the same operation may follow");
        assert_eq!(clock.step(450), Some(Ok((0, false))));
    }

    #[test]
    fn a_lock_that_comes_again_at_once_belongs_to_the_same_batch() {
        let mut clock = Clock::new();
        clock.note(0);
        for round in 0..10 {
            clock.lock = Some(u64::from(round));
            assert_eq!(clock.step(40 + round * 100), Some(Err(u128::from(50 + round * 100))));
            clock.lock = None;
            assert_eq!(clock.step(105 + round * 100), Some(Err(u128::from(125 + round * 100))));
            clock.note(110 + round * 100);
        }
        assert_eq!(clock.step(1030), Some(Ok((0, false))));
    }

    #[test]
    fn the_cap_counts_from_the_end_of_the_lock() {
        let mut clock = Clock::new();
        clock.note(0);
        clock.lock = Some(0);
        assert_eq!(clock.step(500), Some(Err(510)));
        clock.lock = None;
        assert_eq!(clock.step(510), Some(Err(530)));
        for ms in (520..660).step_by(10) {
            clock.note(ms);
        }
        assert_eq!(clock.step(659), Some(Err(660)));
        assert_eq!(clock.step(660), Some(Ok((0, false))));
    }

    #[test]
    fn a_lock_that_a_crash_left_behind_holds_back_only_the_first_batch() {
        let mut clock = Clock::new();
        clock.note(0);
        clock.lock = Some(7);
        assert_eq!(clock.step(20), Some(Err(30)));
        assert_eq!(clock.step(10_015), Some(Err(10_020)));
        assert_eq!(clock.step(10_020), Some(Ok((0, true))));
        clock.note(11_000);
        assert_eq!(clock.step(11_020), Some(Ok((11_000, false))), "it is told once and no longer waited for");
        clock.lock = None;
        clock.note(12_000);
        assert_eq!(clock.step(12_020), Some(Ok((12_000, false))));
        clock.lock = Some(7);
        clock.note(13_000);
        assert_eq!(clock.step(13_020), Some(Err(13_030)), "once it was gone it counts again");
    }

    #[test]
    fn another_lock_than_the_stale_one_is_waited_for() {
        let mut clock = Clock::new();
        clock.note(0);
        clock.lock = Some(7);
        clock.step(20);
        assert_eq!(clock.step(10_020), Some(Ok((0, true))));
        clock.lock = Some(8);
        clock.note(11_000);
        assert_eq!(clock.step(11_020), Some(Err(11_030)));
    }

    #[test]
    fn a_long_operation_is_cut_without_calling_its_lock_stale() {
        let mut clock = Clock::new();
        clock.note(0);
        clock.lock = Some(1);
        assert_eq!(clock.step(20), Some(Err(30)));
        clock.lock = Some(2);
        assert_eq!(clock.step(10_020), Some(Ok((0, false))));
        clock.note(10_021);
        assert_eq!(clock.step(10_041), Some(Err(10_051)), "the rest of it is held back as well");
    }
}
