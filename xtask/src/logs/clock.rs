//! The time of day as people read it, in the time zone of this machine.

use std::time::Duration;

use super::stamp::Stamp;
use crate::process::Invocation;

/// How far the clock on the wall is from UTC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    /// In seconds, to the east.
    offset: i64,
    now: fn() -> Stamp,
}

impl Clock {
    /// The clock of this machine, with the offset that it has today. Where nothing tells it, UTC.
    pub(crate) fn local() -> Self {
        // The standard library knows no time zones, and the program is wherever the rest of this runs.
        let said = Invocation::new("date").arg("+%z").capture().ok().filter(|output| output.code == 0);
        Self { offset: said.and_then(|output| offset(output.stdout.trim())).unwrap_or(0), now: Stamp::now }
    }

    /// `HH:MM:SS`, with the date in front where that is not today's.
    pub(crate) fn time(self, at: Stamp) -> String {
        let ((date, time), (today, _)) = (self.local_time(at), self.local_time((self.now)()));
        if date == today { time } else { format!("{date} {time}") }
    }

    fn local_time(self, at: Stamp) -> (String, String) {
        let seconds = Duration::from_secs(self.offset.unsigned_abs()).as_nanos();
        let nanos = u64::try_from(seconds).unwrap_or(0);
        let local = Stamp(if self.offset < 0 { at.0.saturating_sub(nanos) } else { at.0.saturating_add(nanos) }).to_string();
        let (date, time) = local.split_once('T').unwrap_or_default();
        (date.to_owned(), time.get(..8).unwrap_or_default().to_owned())
    }
}

/// The seconds of `+0530`.
fn offset(text: &str) -> Option<i64> {
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let number = |from: usize| text.get(from..from + 2)?.parse::<i64>().ok();
    (text.len() == 5).then_some(sign * (number(1)? * 3600 + number(3)? * 60))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// UTC, at noon of the first day of 2026.
    pub(crate) fn noon() -> Clock {
        Clock { offset: 0, now: || Stamp(1_767_268_800_000_000_000) }
    }

    #[test]
    fn another_day_is_named() {
        let at = |text: &str| Stamp::parse(text.as_bytes()).expect("a time");
        assert_eq!(noon().time(at("2026-01-01T03:04:05.9Z")), "03:04:05");
        assert_eq!(noon().time(at("2025-12-31T23:59:59Z")), "2025-12-31 23:59:59");
        let east = Clock { offset: offset("+0530").expect("an offset"), ..noon() };
        assert_eq!(east.time(at("2025-12-31T23:59:59Z")), "05:29:59");
        let west = Clock { offset: offset("-0800").expect("an offset"), ..noon() };
        assert_eq!(west.time(at("2026-01-01T03:04:05Z")), "2025-12-31 19:04:05");
    }

    #[test]
    fn other_words_are_no_offset() {
        assert_eq!(["", "UTC", "+5", "+05:30", "0530"].map(offset), [None; 5]);
        assert_eq!(["+0000", "-0330"].map(offset), [Some(0), Some(-12_600)]);
    }
}
