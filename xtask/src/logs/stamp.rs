//! A moment as the engine writes it in front of a log line, to the nanosecond.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Nanoseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Stamp(pub(crate) u64);

impl Stamp {
    /// This moment, by the clock of this machine.
    pub(crate) fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
    }

    /// `earlier` before this one.
    pub(crate) fn before(self, earlier: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(earlier.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// RFC 3339 without a fraction, in UTC.
    pub(crate) fn to_seconds(self) -> String {
        let text = self.to_string();
        text.split_once('.').map_or(text.clone(), |(seconds, _)| format!("{seconds}Z"))
    }

    /// Reads `2026-01-02T03:04:05[.123456789]Z`, also with `+01:00` in place of `Z`.
    pub(crate) fn parse(text: &[u8]) -> Option<Self> {
        let number = |from: usize, to: usize| digits(text.get(from..to)?);
        let mark = |at: usize, wanted: u8| (text.get(at) == Some(&wanted)).then_some(());
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
        mark(4, b'-').and(mark(7, b'-')).and(mark(10, b'T')).and(mark(13, b':')).and(mark(16, b':'))?;
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) || year < 1970 {
            return None;
        }
        let mut rest = text.get(19..)?;
        let mut nanos = 0;
        if let Some(fraction) = rest.strip_prefix(b".") {
            let length = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let kept = length.min(9);
            nanos = digits(&fraction[..kept])? * 10_u64.pow(u32::try_from(9 - kept).ok()?);
            rest = &fraction[length..];
        }
        let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second;
        let seconds = match rest {
            b"Z" => seconds,
            [sign @ (b'+' | b'-'), offset @ ..] if offset.len() == 5 && offset[2] == b':' => {
                let offset = digits(&offset[..2])? * 3600 + digits(&offset[3..])? * 60;
                if *sign == b'+' { seconds.checked_sub(offset)? } else { seconds + offset }
            }
            _ => return None,
        };
        seconds.checked_mul(1_000_000_000)?.checked_add(nanos).map(Self)
    }
}

impl fmt::Display for Stamp {
    /// RFC 3339 with nine decimals, in UTC.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, nanos) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        let (year, month, day) = date(seconds / 86_400);
        let rest = seconds % 86_400;
        write!(f, "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{nanos:09}Z", rest / 3600, rest % 3600 / 60, rest % 60)
    }
}

fn digits(text: &[u8]) -> Option<u64> {
    let digit = |number: u64, byte: &u8| byte.is_ascii_digit().then(|| number * 10 + u64::from(byte - b'0'));
    if text.is_empty() { None } else { text.iter().try_fold(0, digit) }
}

/// Days since 1970 of a date. Years are counted from March, so that the leap day is the last of its year.
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    365 * year + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}

/// The date that is so many days after the begin of 1970.
fn date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day_of_year - (153 * from_march + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        Stamp::parse(text.as_bytes()).map(|stamp| stamp.to_string())
    }

    #[test]
    fn what_is_read_is_written_again() {
        for text in ["1970-01-01T00:00:00.000000000Z", "2024-02-29T23:59:59.999999999Z", "2026-11-21T12:41:00.123456789Z"] {
            assert_eq!(read(text).as_deref(), Some(text));
        }
        assert_eq!(Stamp(1_709_251_199_500_000_000).to_seconds(), "2024-02-29T23:59:59Z");
        assert_eq!(Stamp::parse(b"2026-01-01T00:00:00Z"), Some(Stamp(1_767_225_600_000_000_000)));
    }

    #[test]
    fn fractions_and_offsets_count() {
        assert_eq!(read("2026-01-01T00:00:00.5Z").as_deref(), Some("2026-01-01T00:00:00.500000000Z"));
        assert_eq!(read("2026-01-01T00:30:00+01:00").as_deref(), Some("2025-12-31T23:30:00.000000000Z"));
        assert_eq!(read("2025-12-31T23:30:00-01:00").as_deref(), Some("2026-01-01T00:30:00.000000000Z"));
    }

    #[test]
    fn other_words_are_no_moment() {
        for text in
            ["", "Error response from daemon: no such container", "2026-01-01 00:00:00Z", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
