//! `env new`: an environment like another one, under a name and ports of its own.

use std::collections::BTreeSet;
use std::path::Path;

use clap::Args;

use super::super::Context;
use crate::config::environment::Environment;
use crate::config::layers::{BASE, Directory, shown};
use crate::config::load;
use crate::project;
use crate::report::{Failure, product};

/// Make an environment that builds on another one
#[derive(Args)]
pub(super) struct New {
    /// Its name
    name: String,
    /// The environment that it builds on
    #[arg(long, value_name = "NAME")]
    from: String,
}

impl New {
    pub(super) fn run(self, context: &Context) -> anyhow::Result<()> {
        let infra = context.project()?.infra();
        let directory = Directory::of(&infra);
        project::check_name("environment", &self.name)?;
        let file = directory.file(&self.name);
        if self.name == BASE || file.exists() {
            return Err(Failure::new(format!("there is an environment `{}` already: {}", self.name, shown(&self.name)))
                .hint("edit that file, or choose another name")
                .into());
        }
        let source = load::load(&infra, &self.from)?.environment;
        let text = text(&self.name, &self.from, &source, &used(&infra, &directory));
        if context.dry_run() {
            product(text);
            return Ok(());
        }
        // Never over a file that came meanwhile.
        let written = std::fs::OpenOptions::new().write(true).create_new(true).open(&file).and_then(|mut file| {
            use std::io::Write as _;
            file.write_all(text.as_bytes())
        });
        written.map_err(|error| Failure::new(format!("cannot write {}: {error}", shown(&self.name))))?;
        load::load(&infra, &self.name)?;
        product(shown(&self.name));
        let next = if source.secrets.generate { "" } else { "`cargo xtask secrets init --env NAME` makes its secrets, " };
        let next = format!("{next}`cargo xtask up --env NAME` starts it").replace("NAME", &self.name);
        context.volume().say(format!("it builds on {}; {next}", shown(&self.from)));
        Ok(())
    }
}

/// The ports that environments name, valid ones at least.
fn used(infra: &Path, directory: &Directory) -> BTreeSet<u16> {
    let environments = directory.names().into_iter().filter_map(|name| load::load(infra, &name).ok());
    environments.flat_map(|loaded| [loaded.environment.proxy.port.0, loaded.environment.proxy.https_port.0]).collect()
}

fn text(name: &str, from: &str, source: &Environment, used: &BTreeSet<u16>) -> String {
    let mut free = (10_080..=65_000).step_by(100).filter(|port| !used.contains(port) && !used.contains(&(port + 363)));
    let port = free.next().unwrap_or(source.proxy.port.0);
    let domain = source.site.domain.to_string();
    // `staging.example.com` becomes `qa.example.com`; other names stay, for somebody to choose.
    let own = match domain.split_once('.') {
        Some((label, rest)) if label == from => format!("domain = \"{name}.{rest}\""),
        _ => format!("# domain = \"{domain}\""),
    };
    format!(
        "# What this environment is for. It says only what differs from {from}.toml; base.toml says what each key means.\nbase = \"{from}\"\n\n\
         [site]\n{own}\n\n[proxy]\nport = {port}\nhttps_port = {}\n",
        port + 363
    )
}
