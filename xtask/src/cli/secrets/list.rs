//! `secrets list`: which secrets an environment has and whether they are good, never what they are.

use std::time::SystemTime;

use clap::Args;
use serde::Serialize;

use super::super::Context;
use crate::model::{Kind, Model};
use crate::report::{product, table};
use crate::secrets::{self, Secret, State};

/// List the secrets and whether each is good enough; values are not shown
#[derive(Args)]
pub(super) struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    schema: u32,
    environment: String,
    secrets: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    name: String,
    kind: &'static str,
    state: String,
    /// Seconds since it was written.
    age_seconds: Option<u64>,
    file: String,
}

impl List {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        let stack = super::with_all(context.stack()?)?;
        let model = Model::parse(&stack.compose.model().read()?)?;
        let secrets: Vec<Entry> =
            secrets::of(&stack.project, &model).iter().map(|secret| Entry::new(secret, secret.shown(&stack.project))).collect();
        if self.json {
            product(serde_json::to_string(&Report { schema: 1, environment: stack.project.environment, secrets })?);
        } else {
            let rows: Vec<[String; 5]> = secrets.into_iter().map(Entry::row).collect();
            product(table(["NAME", "KIND", "STATE", "AGE", "FILE"], &rows));
        }
        Ok(())
    }
}

impl Entry {
    fn new(secret: &Secret, file: String) -> Self {
        let kind = match secret.note.kind {
            Kind::Random => "random",
            Kind::Passphrase => "passphrase",
            Kind::Given => "given",
            Kind::Certificate => "certificate",
            Kind::Key => "key",
        };
        let state = match secret.state() {
            State::Good => "good".to_owned(),
            State::Missing => "missing".to_owned(),
            State::Rotating => "its rotation was interrupted".to_owned(),
            State::Weak(reason) => reason,
        };
        let written = secret.file.metadata().and_then(|metadata| metadata.modified()).ok();
        let age = written.and_then(|written| SystemTime::now().duration_since(written).ok());
        Self { name: secret.name.clone(), kind, state, age_seconds: age.map(|age| age.as_secs()), file }
    }

    fn row(self) -> [String; 5] {
        let age = self.age_seconds.map_or(String::new(), |seconds| format!("{} d", seconds / 86_400));
        [self.name, self.kind.to_owned(), self.state, age, self.file]
    }
}
