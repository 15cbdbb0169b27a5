//! Whole numbers within bounds.

use toml::Value;

use super::shown;

/// A TCP port of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "Value")]
pub(crate) struct Port(pub(crate) u16);

impl TryFrom<Value> for Port {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        within(&value, 1..=65535, "a port", "8080").map(|port| Self(u16::try_from(port).unwrap_or(u16::MAX)))
    }
}

/// How many processes and threads a service may have at once. The engine takes any number; one that is too small for a runtime's own threads
/// stops services in ways that are hard to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "Value")]
pub(crate) struct Pids(pub(crate) i64);

impl TryFrom<Value> for Pids {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        within(&value, 16..=1_000_000, "a number of processes", "200").map(Self)
    }
}

/// How often something is tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "Value")]
pub(crate) struct Restarts(pub(crate) u32);

impl TryFrom<Value> for Restarts {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        within(&value, 0..=100, "a number of restarts", "5").map(|number| Self(u32::try_from(number).unwrap_or(u32::MAX)))
    }
}

fn within(value: &Value, range: std::ops::RangeInclusive<i64>, what: &str, example: &str) -> Result<i64, String> {
    let number = value.as_integer().filter(|number| range.contains(number));
    number.ok_or_else(|| {
        format!("{} is not {what}: write a whole number from {} to {}, for example {example}", shown(value), range.start(), range.end())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_belong_to_the_range() {
        assert_eq!([1, 65535].map(|port| Port::try_from(Value::Integer(port)).map(|port| port.0)), [Ok(1), Ok(65535)]);
        for value in [Value::Integer(0), Value::Integer(65536), Value::Integer(-1), Value::Float(80.0), Value::String("80".to_owned())] {
            let error = Port::try_from(value.clone()).expect_err("refused");
            assert_eq!(error, format!("{} is not a port: write a whole number from 1 to 65535, for example 8080", shown(&value)));
        }
        assert!(Pids::try_from(Value::Integer(15)).is_err() && Pids::try_from(Value::Integer(16)).is_ok());
    }
}
