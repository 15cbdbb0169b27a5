//! `{names}` in texts: values of the environment, and what earlier steps captured.

use std::collections::BTreeMap;

use serde_json::Value;

/// Values by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Values(BTreeMap<String, String>);

/// The name that has no value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unknown(pub(crate) String);

impl Values {
    /// These.
    pub(crate) fn new(values: BTreeMap<String, String>) -> Self {
        Self(values)
    }

    /// With one more.
    pub(crate) fn set(&mut self, name: &str, value: String) {
        self.0.insert(name.to_owned(), value);
    }

    /// Whether `name` has a value.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// `text` with values for its names.
    ///
    /// # Errors
    /// The first name without one.
    pub(crate) fn fill(&self, text: &str) -> Result<String, Unknown> {
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, name, after)) = next(rest) {
            filled.push_str(before);
            filled.push_str(self.0.get(name).ok_or_else(|| Unknown(name.to_owned()))?);
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }

    /// The same in all texts of `value`. A text that is nothing but one name becomes a number, `true` or `false` where its value looks like one.
    ///
    /// # Errors
    /// The first name without a value.
    pub(crate) fn fill_json(&self, value: &Value) -> Result<Value, Unknown> {
        Ok(match value {
            Value::String(text) => {
                let filled = self.fill(text)?;
                let alone = next(text).is_some_and(|(before, _, after)| before.is_empty() && after.is_empty());
                let plain = serde_json::from_str(&filled).ok().filter(|plain: &Value| plain.is_number() || plain.is_boolean());
                plain.filter(|_| alone).unwrap_or(Value::String(filled))
            }
            Value::Array(items) => Value::Array(items.iter().map(|item| self.fill_json(item)).collect::<Result<_, _>>()?),
            Value::Object(fields) => {
                let fields = fields.iter().map(|(name, value)| Ok((name.clone(), self.fill_json(value)?)));
                Value::Object(fields.collect::<Result<_, _>>()?)
            }
            other => other.clone(),
        })
    }
}

/// What is before the first name, the name, and what is after it. Braces around anything else stay as they are: JSON has them, too.
fn next(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(open) = text[from..].find('{').map(|at| from + at) {
        let inner = &text[open + 1..];
        let length = inner.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inner.len());
        if length > 0 && inner[length..].starts_with('}') {
            return Some((&text[..open], &inner[..length], &inner[length + 1..]));
        }
        from = open + 1;
    }
    None
}

/// All names in `text`.
pub(crate) fn names(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, name, after)) = next(rest) {
        found.push(name);
        rest = after;
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn values() -> Values {
        Values::new([("id", "7"), ("name", "a {id}"), ("on", "true")].map(|(name, value)| (name.to_owned(), value.to_owned())).into())
    }

    #[test]
    fn names_become_values_once() {
        assert_eq!(values().fill("/tasks/{id}/{name}").as_deref(), Ok("/tasks/7/a {id}"));
        assert_eq!(values().fill("{\"a\": {}} { id } {id").as_deref(), Ok("{\"a\": {}} { id } {id"));
        assert_eq!(values().fill("{id}{other}"), Err(Unknown("other".to_owned())));
        assert_eq!(names("{a}/{{b}}{c d}"), ["a", "b"]);
    }

    #[test]
    fn a_name_alone_keeps_its_kind() {
        let filled = values().fill_json(&json!({ "n": "{id}", "t": "no {id}", "l": ["{on}", 1], "s": "{name}" }));
        assert_eq!(filled, Ok(json!({ "n": 7, "t": "no 7", "l": [true, 1], "s": "a {id}" })));
    }
}
