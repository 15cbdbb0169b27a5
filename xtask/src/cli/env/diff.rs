//! `env diff`: what varies between two environments, and nothing else.

use std::collections::BTreeMap;

use clap::Args;
use serde::Serialize;
use toml::Value;

use super::super::Context;
use super::json;
use crate::config::hidden::shown;
use crate::config::layers::leaves;
use crate::config::load;
use crate::report::{product, table};

/// Print what differs between two environments
#[derive(Args)]
pub(super) struct Diff {
    /// One environment
    left: String,
    /// The other
    right: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    schema: u32,
    left: String,
    right: String,
    differences: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    key: String,
    left: Option<serde_json::Value>,
    right: Option<serde_json::Value>,
}

impl Diff {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        let infra = context.project()?.infra();
        let values = |name: &str| anyhow::Ok(leaves(&load::load(&infra, name)?.layers.tree));
        let differences = differences(&values(&self.left)?, &values(&self.right)?);
        if self.json {
            let entry = |(key, left, right): (String, Option<Value>, Option<Value>)| {
                let [left, right] = [left, right].map(|side| side.as_ref().map(json).transpose());
                anyhow::Ok(Entry { key, left: left?, right: right? })
            };
            let differences = differences.into_iter().map(entry).collect::<anyhow::Result<_>>()?;
            product(serde_json::to_string(&Report { schema: 1, left: self.left, right: self.right, differences })?);
            return Ok(());
        }
        if differences.is_empty() {
            context.volume().say(format!("{} and {} say the same", self.left, self.right));
            return Ok(());
        }
        let side = |value: &Option<Value>| value.as_ref().map_or("–".to_owned(), Value::to_string);
        let rows: Vec<[String; 3]> = differences.iter().map(|(key, left, right)| [key.clone(), side(left), side(right)]).collect();
        product(table(["KEY", &self.left.to_uppercase(), &self.right.to_uppercase()], &rows));
        Ok(())
    }
}

fn differences(left: &BTreeMap<String, Value>, right: &BTreeMap<String, Value>) -> Vec<(String, Option<Value>, Option<Value>)> {
    let mut keys: Vec<&String> = left.keys().chain(right.keys()).collect();
    keys.sort();
    keys.dedup();
    let differing = keys.into_iter().filter(|key| left.get(*key) != right.get(*key));
    let side = |side: &BTreeMap<String, Value>, key: &str| side.get(key).map(|value| shown(key, value));
    differing.map(|key| (key.clone(), side(left, key), side(right, key))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_same_is_left_out_and_what_is_on_one_side_only_is_in() {
        let side = |pairs: &[(&str, i64)]| pairs.iter().map(|(key, value)| ((*key).to_owned(), Value::Integer(*value))).collect();
        let found = differences(&side(&[("a", 1), ("b", 2), ("c", 3)]), &side(&[("a", 1), ("b", 3), ("d", 4)]));
        let one = |value| Some(Value::Integer(value));
        assert_eq!(found, [("b".to_owned(), one(2), one(3)), ("c".to_owned(), one(3), None), ("d".to_owned(), None, one(4))]);
    }
}
