//! Amounts of memory as people write them: `256MB`, `1GB`.

use std::fmt;
use std::str::FromStr;

use toml::Value;

use super::shown;

/// A number of bytes. `KB`, `MB` and `GB` are powers of 1024, as the engine takes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(try_from = "Value")]
pub(crate) struct Size(pub(crate) u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || refusal(&format!("`{text}`"));
        let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, unit) = text.split_at(digits);
        let shift = match unit.trim() {
            "KB" => 10,
            "MB" => 20,
            "GB" => 30,
            _ => return Err(wrong()),
        };
        let number: u64 = number.parse().map_err(|_| wrong())?;
        number.checked_mul(1 << shift).map(Self).ok_or_else(wrong)
    }
}

impl TryFrom<Value> for Size {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        value.as_str().ok_or_else(|| refusal(&shown(&value)))?.parse()
    }
}

fn refusal(given: &str) -> String {
    format!("{given} is not a size: write a whole number and KB, MB or GB, for example \"512MB\"")
}

impl fmt::Display for Size {
    /// As Compose takes it: bytes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}b", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_powers_of_1024() {
        assert_eq!(["1KB", "512MB", "2 GB"].map(|text| text.parse::<Size>().map(|size| size.0)), [Ok(1024), Ok(512 << 20), Ok(2 << 30)]);
    }

    #[test]
    fn anything_else_is_refused_with_an_example() {
        for text in ["", "512", "MB", "1.5GB", "512mb", "-1MB", "99999999999999999999GB", "18014398509481984GB"] {
            let error = text.parse::<Size>().expect_err(text);
            assert_eq!(error, format!("`{text}` is not a size: write a whole number and KB, MB or GB, for example \"512MB\""));
        }
    }
}
