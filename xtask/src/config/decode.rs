//! From a tree of values to a typed structure, with everything that is wrong and not only the first thing.

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::layers::Layers;
use super::problem::{Problem, did_you_mean};
use super::values::shown;

/// Reads `layers` as a `T`. Each wrong value is noted, replaced by what `base.toml` has there, and reading begins again; so `T` is also there where
/// problems were found, as long as `base.toml` itself is right.
pub(crate) fn decode<T: DeserializeOwned>(layers: &Layers, problems: &mut Vec<Problem>) -> Option<T> {
    let mut tree = layers.tree.clone();
    match_tables(&mut tree, &layers.base, "", &mut |key, text| {
        problems.push(Problem { place: layers.place(&key), key, text });
    });
    loop {
        let error = match serde_path_to_error::deserialize(Value::Table(tree.clone())) {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        let mut path: Vec<String> = error.path().iter().map(ToString::to_string).collect();
        let message = error.inner().message().trim().to_owned();
        // An item of a list is replaced with its list.
        while path.last().is_some_and(|step| step.starts_with('[')) {
            path.pop();
        }
        let missing = message.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
        if let Some(field) = missing {
            path.push(field.to_owned());
        }
        let key = path.join(".");
        problems.push(Problem { place: layers.place(&key), text: words(&message, path.last().map_or("", String::as_str)), key });
        if missing.is_some() || !restore(&mut tree, &layers.base, &path) {
            return None;
        }
    }
}

/// A table has to be one where `base` has one, and nowhere else. The library would also read a list as a structure, field by field.
fn match_tables(tree: &mut Table, base: &Table, around: &str, refuse: &mut impl FnMut(String, String)) {
    for (key, expected) in base {
        let Some(given) = tree.get_mut(key) else { continue };
        let dotted = if around.is_empty() { key.clone() } else { format!("{around}.{key}") };
        match (given, expected) {
            (Value::Table(given), Value::Table(expected)) => match_tables(given, expected, &dotted, refuse),
            (given, expected) if given.is_table() != expected.is_table() => {
                let should = if expected.is_table() {
                    format!("a table: write `[{dotted}]` above its keys")
                } else {
                    format!("a value, for example {expected}")
                };
                refuse(dotted, format!("is {}, should be {should}", shown(given)));
                *given = expected.clone();
            }
            _ => {}
        }
    }
}

/// Puts what `base` has at `path` there, or takes away what is there. Whether that changed anything.
fn restore(tree: &mut Table, base: &Table, path: &[String]) -> bool {
    let Some((key, rest)) = path.split_first() else { return false };
    if rest.is_empty() {
        let before = tree.remove(key);
        if let Some(value) = base.get(key) {
            tree.insert(key.clone(), value.clone());
        }
        return before.as_ref() != base.get(key);
    }
    let empty = Table::new();
    let base = base.get(key).and_then(Value::as_table).unwrap_or(&empty);
    tree.get_mut(key).and_then(Value::as_table_mut).is_some_and(|inner| restore(inner, base, rest))
}

/// The library's messages in the words of people who do not write Rust.
pub(crate) fn words(message: &str, name: &str) -> String {
    if message.starts_with("missing field") {
        return "is missing: infra/env/base.toml has every key".to_owned();
    }
    let known: Vec<&str> = message.split_once("expected").map_or("", |(_, rest)| rest).split('`').skip(1).step_by(2).collect();
    if message.starts_with("unknown field") {
        let known_here = if known.is_empty() { String::new() } else { format!("; known here: {}", known.join(", ")) };
        return format!("there is no such key{}{known_here}", did_you_mean(name, known.iter().copied()));
    }
    if let Some(given) = message.strip_prefix("unknown variant `").and_then(|rest| rest.split('`').next()) {
        return format!("`{given}` is none of {}{}", known.join(", "), did_you_mean(given, known.iter().copied()));
    }
    match message.strip_prefix("invalid type: ").and_then(|rest| rest.split_once(", expected ")) {
        Some((given, expected)) => {
            let expected = match expected {
                "a boolean" => "true or false",
                "a sequence" => "a list, for example [\"one\", \"two\"]",
                "a string" => "text in quotes",
                "a map" => "a table",
                expected if expected.starts_with("struct ") => "a table",
                expected => expected,
            };
            let given = match given.split_once(' ') {
                Some(("string", text)) => text,
                Some(("integer" | "floating" | "boolean", number)) => number.trim_start_matches("point "),
                _ => match given {
                    "sequence" => "a list",
                    "map" => "a table",
                    given => given,
                },
            };
            format!("is {given}, should be {expected}")
        }
        None => message.to_owned(),
    }
}
