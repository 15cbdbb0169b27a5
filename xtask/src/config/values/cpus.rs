//! Shares of processors.

use std::fmt;

use toml::Value;

use super::shown;

/// A number of processors; half of one is `0.5`.
#[derive(Clone, Copy, Debug, PartialEq, serde::Deserialize)]
#[serde(try_from = "Value")]
pub(crate) struct Cpus(pub(crate) f64);

impl TryFrom<Value> for Cpus {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let number = match &value {
            Value::Float(number) => Some(*number),
            Value::Integer(number) => i32::try_from(*number).ok().map(f64::from),
            _ => None,
        };
        // The engine's own least amount is 0.01; the most is what the machine has, which is known when it starts.
        number
            .filter(|number| (0.01..=1024.0).contains(number))
            .map(Self)
            .ok_or_else(|| format!("{} is not a number of processors: write one from 0.01 to 1024, for example 0.5", shown(&value)))
    }
}

impl fmt::Display for Cpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_and_broken_numbers_are_taken_within_bounds() {
        assert_eq!(
            [Value::Integer(2), Value::Float(0.25)].map(|value| Cpus::try_from(value).map(|cpus| cpus.to_string())),
            [Ok("2".to_owned()), Ok("0.25".to_owned())]
        );
        for value in [Value::Integer(0), Value::Integer(1 << 40), Value::Float(f64::NAN), Value::Float(-1.0), Value::String("2".to_owned())]
        {
            Cpus::try_from(value).expect_err("refused");
        }
    }
}
