//! The files that make up an environment, merged: `base.toml`, what it builds on, its own, and an untracked override.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};
use toml::{Spanned, Table, Value};

use super::problem::{Place, Problem, did_you_mean};

/// What every environment builds on.
pub(crate) const BASE: &str = "base";
/// The key that names another environment to build on.
const KEY: &str = "base";
/// Far more than anybody writes: what is larger is not a settings file.
const MAX_BYTES: u64 = 1 << 20;

/// The settings of one environment, and where each was said.
#[derive(Clone, Debug, Default)]
pub(crate) struct Layers {
    /// Everything, merged.
    pub(crate) tree: Table,
    /// Whether a file could not be read wholly: what is missing or wrong then may only seem so.
    pub(crate) torn: bool,
    /// What `base.toml` alone says: the schema by example.
    pub(crate) base: Table,
    /// The files, in the order they were merged, from the root of the checkout.
    pub(crate) files: Vec<String>,
    /// By dotted key of values and tables: where it was said last.
    pub(crate) places: BTreeMap<String, Place>,
}

/// `infra/env/` of a checkout.
#[derive(Clone, Debug)]
pub(crate) struct Directory(PathBuf);

impl Directory {
    /// The directory of the settings in `infra`.
    pub(crate) fn of(infra: &Path) -> Self {
        Self(infra.join("env"))
    }

    /// The path of an environment's file.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.toml"))
    }

    /// The environments that have a file here.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".toml").map(str::to_owned))
            .filter(|name| !name.contains('.') && name != BASE)
            .collect();
        names.sort();
        names
    }

    /// Reads and merges all files of the environment `name`. What cannot be read is left out and added to `problems`.
    pub(crate) fn read(&self, name: &str, problems: &mut Vec<Problem>) -> Layers {
        let mut chain: Vec<(String, Table)> = Vec::new();
        let mut layers = Layers::default();
        let mut parts = Vec::new();
        let mut next = name.to_owned();
        loop {
            let mut part = Layers::default();
            part.add(self, &next, problems);
            let base = part.tree.remove(KEY);
            let place = part.places.remove(KEY);
            chain.push((next.clone(), Table::new()));
            parts.push(part);
            if next == BASE {
                break;
            }
            let wrong = |text: String| Problem { place: place.clone(), key: KEY.to_owned(), text };
            next = match base {
                None => BASE.to_owned(),
                Some(Value::String(base)) if chain.iter().any(|(name, _)| *name == base) => {
                    let names: Vec<&str> = chain.iter().map(|(name, _)| name.as_str()).chain([base.as_str()]).collect();
                    problems.push(wrong(format!("goes round in a circle: {}", names.join(" → "))));
                    BASE.to_owned()
                }
                Some(Value::String(base)) if base == BASE || self.names().contains(&base) => base,
                Some(Value::String(base)) => {
                    let names = self.names();
                    let near = did_you_mean(&base, names.iter().map(String::as_str));
                    problems.push(wrong(format!("there is no environment `{base}`{near}")));
                    BASE.to_owned()
                }
                Some(_) => {
                    problems.push(wrong("write the name of another environment in quotes, for example \"staging\"".to_owned()));
                    BASE.to_owned()
                }
            };
        }
        if let Some(base) = parts.last() {
            layers.base = base.tree.clone();
        }
        for part in parts.into_iter().rev() {
            layers.lay(part);
        }
        let untracked = format!("{name}.override");
        if self.file(&untracked).is_file() {
            let mut part = Layers::default();
            part.add(self, &untracked, problems);
            if part.tree.remove(KEY).is_some() {
                let place = part.places.remove(KEY);
                problems.push(Problem { place, key: KEY.to_owned(), text: format!("belongs in {}", shown(name)) });
            }
            layers.lay(part);
        }
        layers
    }

    fn text(&self, name: &str, problems: &mut Vec<Problem>) -> String {
        let path = self.file(name);
        let read = match path.metadata() {
            Ok(metadata) if metadata.len() > MAX_BYTES => Err(format!("is {} kB large, which no settings file is", metadata.len() >> 10)),
            _ => std::fs::read_to_string(&path).map_err(|error| format!("cannot be read: {error}")),
        };
        read.unwrap_or_else(|reason| {
            problems.push(Problem { place: None, key: shown(name), text: reason });
            String::new()
        })
    }
}

/// An environment's file as people know it.
pub(crate) fn shown(name: &str) -> String {
    format!("infra/env/{name}.toml")
}

impl Layers {
    /// Where `key` was said, or else the nearest table around it.
    pub(crate) fn place(&self, key: &str) -> Option<Place> {
        let mut key = key;
        loop {
            match (self.places.get(key), key.rsplit_once('.')) {
                (Some(place), _) => return Some(place.clone()),
                (None, Some((around, _))) => key = around,
                (None, None) => return None,
            }
        }
    }

    fn add(&mut self, directory: &Directory, name: &str, problems: &mut Vec<Problem>) {
        let (text, file) = (directory.text(name, problems), shown(name));
        self.files.push(file.clone());
        let (document, errors) = DeTable::parse_recoverable(&text);
        let line = |offset: usize| 1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
        for error in errors {
            let at = error.span().map_or(1, |span| line(span.start));
            let around = text
                .lines()
                .nth(at - 1)
                .unwrap_or_default()
                .trim()
                .replace(char::is_control, "\u{fffd}")
                .chars()
                .take(80)
                .collect::<String>();
            let text = format!("{} in `{around}`", error.message());
            problems.push(Problem { place: Some(Place { file: file.clone(), line: at }), key: String::new(), text });
            self.torn = true;
        }
        let mut note = |key: String, offset: usize| {
            self.places.insert(key, Place { file: file.clone(), line: line(offset) });
        };
        self.tree = convert(document.get_ref(), "", &mut note);
    }

    fn lay(&mut self, part: Layers) {
        merge(&mut self.tree, part.tree);
        self.torn |= part.torn;
        self.files.extend(part.files);
        self.places.extend(part.places);
    }
}

fn convert(table: &DeTable<'_>, around: &str, note: &mut impl FnMut(String, usize)) -> Table {
    let mut tree = Table::new();
    for (key, value) in table {
        let dotted = if around.is_empty() { key.get_ref().to_string() } else { format!("{around}.{}", key.get_ref()) };
        note(dotted.clone(), key.span().start);
        tree.insert(key.get_ref().to_string(), convert_value(value, &dotted, note));
    }
    tree
}

fn convert_value(value: &Spanned<DeValue<'_>>, dotted: &str, note: &mut impl FnMut(String, usize)) -> Value {
    match value.get_ref() {
        DeValue::Table(table) => Value::Table(convert(table, dotted, note)),
        DeValue::Array(items) => Value::Array(items.iter().map(|item| convert_value(item, dotted, note)).collect()),
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Boolean(value) => Value::Boolean(*value),
        DeValue::Datetime(value) => Value::Datetime(*value),
        // What is too large for a number stays visible as text, which no key for numbers takes.
        DeValue::Integer(digits) => {
            i64::from_str_radix(digits.as_str(), digits.radix()).map_or_else(|_| Value::String(digits.as_str().to_owned()), Value::Integer)
        }
        DeValue::Float(digits) => digits.as_str().parse().map_or_else(|_| Value::String(digits.as_str().to_owned()), Value::Float),
    }
}

fn merge(into: &mut Table, from: Table) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Table(below)), Value::Table(above)) => merge(below, above),
            (_, value) => {
                into.insert(key, value);
            }
        }
    }
}

/// The values of `tree` by dotted key; an empty table has none.
pub(crate) fn leaves(tree: &Table) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for (key, value) in tree {
        match value {
            Value::Table(inner) => found.extend(leaves(inner).into_iter().map(|(rest, value)| (format!("{key}.{rest}"), value))),
            value => {
                found.insert(key.clone(), value.clone());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests;
