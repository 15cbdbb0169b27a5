//! Time moves only as the test says.

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
fn an_operation_is_waited_for_while_it_changes_files() {
    let mut clock = Clock::new();
    clock.lock = Some(1);
    for second in 0..60 {
        clock.note(second * 1000);
        assert_eq!(clock.step(second * 1000 + 20), Some(Err(u128::from(second) * 1000 + 30)));
    }
    clock.lock = None;
    clock.note(60_000);
    assert_eq!(clock.step(60_020), Some(Err(60_040)));
    assert_eq!(clock.step(60_040), Some(Ok((0, false))), "all of it is one batch");
}

#[test]
fn a_very_long_operation_is_cut_without_calling_its_lock_stale() {
    let mut clock = Clock::new();
    clock.lock = Some(1);
    clock.note(0);
    assert_eq!(clock.step(20), Some(Err(30)));
    clock.lock = Some(2);
    clock.note(120_000);
    assert_eq!(clock.step(120_020), Some(Ok((0, false))));
    clock.note(120_021);
    assert_eq!(clock.step(120_041), Some(Err(120_051)), "the rest of it is held back as well");
}
