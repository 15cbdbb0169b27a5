//! Times as people write them: `30s`, `10m`, `12h`, `365d`.

use toml::Value;

use super::shown;

/// A number of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "Value")]
pub(crate) struct Duration(pub(crate) u64);

impl TryFrom<Value> for Duration {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let parsed = value.as_str().and_then(|text| {
            let digits = text.find(|c: char| !c.is_ascii_digit())?;
            let (number, unit) = text.split_at(digits);
            let seconds = match unit.trim() {
                "s" => 1,
                "m" => 60,
                "h" => 3600,
                "d" => 24 * 3600,
                _ => return None,
            };
            // A century: more is a mistake.
            number.parse::<u64>().ok()?.checked_mul(seconds).filter(|seconds| *seconds <= 100 * 365 * 24 * 3600)
        });
        parsed.map(Self).ok_or_else(|| {
            format!("{} is not a time: write a whole number and s, m, h or d, for example \"30s\" or \"365d\"", shown(&value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_seconds_to_days() {
        let seconds = |text: &str| Duration::try_from(Value::String(text.to_owned())).map(|duration| duration.0);
        assert_eq!(["0s", "90s", "2m", "1 h", "365d"].map(seconds), [Ok(0), Ok(90), Ok(120), Ok(3600), Ok(31_536_000)]);
        for text in ["", "s", "10", "1.5h", "-1s", "1w", "99999999999d", "99999999999999999999s"] {
            assert!(seconds(text).is_err(), "{text}");
        }
        assert!(Duration::try_from(Value::Integer(10)).is_err());
    }
}
