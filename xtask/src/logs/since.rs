//! `--since`: the times that the engine takes.

use regex_lite::Regex;

use crate::report::Failure;

/// A span of time, a day or moment of RFC 3339, or the seconds since 1970.
const FORMS: &str = r"^(?:(?:\d+(?:\.\d*)?(?:ns|us|µs|ms|s|m|h))+|\d{4}-\d{2}-\d{2}(?:T\S+)?|\d+(?:\.\d+)?)$";

/// Refuses what the engine would not understand: it says so without the forms that it does, and once for each container.
///
/// # Errors
/// When `text` is no time.
pub(crate) fn check(text: &str) -> Result<(), Failure> {
    if Regex::new(FORMS).is_ok_and(|forms| forms.is_match(text)) {
        return Ok(());
    }
    Err(Failure::new(format!("`--since {text}` is no time"))
        .hint("`10m`, `2h` or `1h30m` for so long ago; `2026-11-22` or `2026-11-22T05:00:00Z` for a day or a moment (RFC 3339)"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_the_engine_are_taken_and_no_others() {
        for time in
            ["10m", "2h", "1h30m", "1.5h", "90s", "2026-11-22", "2026-11-22T05:00:00", "2026-11-22T05:00:00.5+02:00", "1795323600.25"]
        {
            assert_eq!(check(time), Ok(()), "{time}");
        }
        for other in ["banana", "", "10 m", "2d", "yesterday", "-10m", "22.11.2026", "m"] {
            assert!(check(other).is_err(), "{other}");
        }
    }
}
