//! The attributes of the Compose specification, and which keys of a model are none of them. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

/// The paths of all attributes in the JSON schema of the specification, one a line. `*` is a name that the compose file chooses; items of lists have
/// the path of the list.
pub(crate) const PATHS: &str = include_str!("attributes.txt");

/// The keys of `model`, which are of a compose file or as Compose prints them, each with its path in [`PATHS`]; nothing for a key that is not there,
/// because a newer Compose has it. `x-` keys are left out.
pub(crate) fn paths(model: &Value) -> BTreeMap<String, Option<String>> {
    let mut found = BTreeMap::new();
    walk(model, "", "", &PATHS.lines().collect(), &mut found);
    found
}

fn walk(value: &Value, path: &str, shown: &str, known: &BTreeSet<&str>, found: &mut BTreeMap<String, Option<String>>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| walk(item, path, shown, known, found)),
        Value::Object(entries) => {
            for (key, value) in entries {
                let shown = joined(shown, key);
                // Compose prints a few keys as its own source has them: `blkio_config.weight_device.Path`.
                let candidates = [key.as_str(), &key.to_lowercase(), "*"].map(|name| joined(path, name));
                let path = candidates.into_iter().find(|path| known.contains(path.as_str()));
                if let Some(path) = &path {
                    walk(value, path, &shown, known, found);
                } else if key.starts_with("x-") {
                    continue;
                }
                found.insert(shown, path);
            }
        }
        _ => {}
    }
}

fn joined(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
