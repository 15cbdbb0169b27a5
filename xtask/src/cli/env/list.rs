//! `env list`: every environment with where it answers.

use clap::Args;
use serde::Serialize;

use super::super::Context;
use crate::config::environment::Environment;
use crate::config::layers::Directory;
use crate::config::load::{self, Loaded};
use crate::report::{product, table};

/// List the environments
#[derive(Args)]
pub(super) struct List {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    schema: u32,
    environments: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    name: String,
    valid: bool,
    files: Vec<String>,
    domain: Option<String>,
    bind: Option<String>,
    ports: Vec<u16>,
}

impl List {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        let infra = context.project()?.infra();
        let environments: Vec<Entry> = Directory::of(&infra).names().into_iter().map(|name| entry(&infra, name)).collect();
        if self.json {
            product(serde_json::to_string(&Report { schema: 1, environments })?);
        } else {
            let rows: Vec<[String; 4]> = environments.iter().map(Entry::row).collect();
            product(table(["NAME", "DOMAIN", "ANSWERS AT", "FILES"], &rows));
        }
        Ok(())
    }
}

fn entry(infra: &std::path::Path, name: String) -> Entry {
    match load::load(infra, &name) {
        Ok(Loaded { environment, layers, .. }) => Entry {
            name,
            valid: true,
            files: layers.files,
            domain: Some(environment.site.domain.to_string()),
            bind: Some(environment.proxy.bind.to_string()),
            ports: ports(&environment),
        },
        Err(_) => Entry { name, valid: false, files: Vec::new(), domain: None, bind: None, ports: Vec::new() },
    }
}

fn ports(environment: &Environment) -> Vec<u16> {
    let https = environment.tls.is_on().then_some(environment.proxy.https_port.0);
    std::iter::once(environment.proxy.port.0).chain(https).collect()
}

impl Entry {
    fn row(&self) -> [String; 4] {
        let (Some(domain), Some(bind)) = (&self.domain, &self.bind) else {
            let why = format!("not valid: `cargo xtask env check {}` says why", self.name);
            return [self.name.clone(), why, String::new(), String::new()];
        };
        let ports: Vec<String> = self.ports.iter().map(ToString::to_string).collect();
        let files: Vec<&str> = self.files.iter().filter_map(|file| file.rsplit('/').next()).collect();
        [self.name.clone(), domain.clone(), format!("{bind} {}", ports.join(", ")), files.join(" + ")]
    }
}
