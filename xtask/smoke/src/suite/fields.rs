//! Values of single keys that are more than a text or a number: one that makes no sense is refused with the key that has it.

use std::collections::BTreeMap;
use std::time::Duration;

use hyper::Method;
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::Source;

/// A time that may be none at all.
pub(super) fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(from)?;
    parse(&text).ok_or_else(|| Error::custom(format!("`{text}` is no time: a number and ms, s or m")))
}

/// The same where it may be left out.
pub(super) fn some_duration<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    duration(from).map(Some)
}

/// A time in which something can be done.
pub(super) fn time<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
    let time = duration(from)?;
    if time.is_zero() { Err(Error::custom("no time at all: nothing answers within it")) } else { Ok(time) }
}

/// The same where it may be left out.
pub(super) fn some_time<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
    time(from).map(Some)
}

/// A status of HTTP.
pub(super) fn status<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u16>, D::Error> {
    let number = i64::deserialize(from)?;
    let status = u16::try_from(number).ok().filter(|status| (100..=599).contains(status));
    status.map(Some).ok_or_else(|| Error::custom(format!("{number} is no status of HTTP: 100 to 599")))
}

/// Ports.
pub(super) fn ports<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u16>, D::Error> {
    let numbers = Vec::<i64>::deserialize(from)?;
    let port = |number: &i64| u16::try_from(*number).ok().filter(|port| *port != 0);
    let wrong: Vec<String> = numbers.iter().filter(|number| port(number).is_none()).map(i64::to_string).collect();
    if wrong.is_empty() {
        Ok(numbers.iter().filter_map(port).collect())
    } else {
        Err(Error::custom(format!("no port is {}: 1 to 65535", wrong.join(" or "))))
    }
}

/// A method of HTTP. One in small letters would be another one, which no server knows.
pub(super) fn method<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Method>, D::Error> {
    let text = String::deserialize(from)?;
    let method = Method::from_bytes(text.as_bytes()).ok().filter(|_| !text.contains(|c: char| c.is_ascii_lowercase()));
    method.map(Some).ok_or_else(|| Error::custom(format!("`{text}` is no method of HTTP: one word in capitals, as in `POST`")))
}

impl TryFrom<BTreeMap<String, Value>> for Source {
    type Error = String;

    fn try_from(table: BTreeMap<String, Value>) -> Result<Self, String> {
        const KEYS: &str = "a value is taken from one of `json`, `header` and `body`";
        let mut entries = table.into_iter();
        match (entries.next(), entries.next()) {
            (None, _) => Err(format!("nothing: {KEYS}")),
            (Some((one, _)), Some((other, _))) => Err(format!("both `{one}` and `{other}`: {KEYS}")),
            (Some((key, value)), None) => match (key.as_str(), value) {
                ("json", Value::String(pointer)) => Ok(Self::Json(pointer)),
                ("header", Value::String(name)) => Ok(Self::Header(name)),
                ("body", Value::String(pattern)) => Ok(Self::Body(pattern)),
                ("json" | "header" | "body", _) => Err(format!("`{key}` is no text")),
                _ => Err(format!("unknown source `{key}`: {KEYS}")),
            },
        }
    }
}

fn parse(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let factor = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(factor).map(Duration::from_millis)
}
