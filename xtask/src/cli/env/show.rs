//! `env show`: every value of an environment, and which line of which file it comes from.

use clap::Args;
use serde::Serialize;

use super::super::Context;
use super::json;
use crate::config::hidden::shown;
use crate::config::layers::leaves;
use crate::config::load;
use crate::report::{product, table};

/// Print every value of an environment and where it comes from
#[derive(Args)]
pub(super) struct Show {
    /// The environment [default: the one of `--env`]
    name: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    schema: u32,
    environment: String,
    values: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    key: String,
    value: serde_json::Value,
    source: String,
}

impl Show {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        let project = context.project()?;
        let name = self.name.unwrap_or(project.environment.clone());
        let layers = load::load(&project.infra(), &name)?.layers;
        let values = leaves(&layers.tree).into_iter().map(|(key, value)| {
            let value = shown(&key, &value);
            (key, value)
        });
        let source = |key: &str| layers.place(key).map(|place| place.to_string()).unwrap_or_default();
        if self.json {
            let entries = values.map(|(key, value)| Ok(Entry { source: source(&key), value: json(&value)?, key }));
            let report = Report { schema: 1, environment: name, values: entries.collect::<anyhow::Result<_>>()? };
            product(serde_json::to_string(&report)?);
        } else {
            let rows: Vec<[String; 3]> = values.map(|(key, value)| [key.clone(), value.to_string(), source(&key)]).collect();
            product(table(["KEY", "VALUE", "FROM"], &rows));
        }
        Ok(())
    }
}
