//! `--expose`: services that are reachable from this machine for as long as the stack runs, for tools that no container has.

use clap::Args;

use crate::model::{Exposed, Model};
use crate::report::{Failure, Volume};
use crate::stack::{Resolved, Stack};

/// What the profiles of services that publish another one begin with.
const PREFIX: &str = "expose-";

/// Flags of the commands that can expose services.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ExposeArgs {
    /// Make these reachable on this machine until `down`, for example `db`
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    expose: Vec<String>,
}

impl ExposeArgs {
    /// The stack with what exposes the named services.
    ///
    /// # Errors
    /// When one of them cannot be exposed here, or Compose cannot say what can.
    pub(crate) fn apply(&self, mut stack: Stack) -> anyhow::Result<Stack> {
        if self.expose.is_empty() {
            return Ok(stack);
        }
        let profiles = stack.compose.profiles().read()?;
        let known: Vec<&str> = profiles.lines().filter_map(|line| line.trim().strip_prefix(PREFIX)).collect();
        if let Some(unknown) = self.expose.iter().find(|name| !known.contains(&name.as_str())) {
            return Err(refusal(unknown, &known, &stack.project.environment).into());
        }
        let wanted: Vec<String> = self.expose.iter().map(|name| format!("{PREFIX}{name}")).collect();
        stack.compose = stack.compose.with_profiles(&wanted);
        Ok(stack)
    }

    /// Says where what is exposed listens.
    pub(crate) fn say(&self, volume: Volume, stack: &Stack, resolved: &Resolved) {
        for name in &self.expose {
            for line in described(&resolved.model, name, &stack.project.root) {
                volume.say(line);
            }
        }
    }
}

fn refusal(name: &str, known: &[&str], environment: &str) -> Failure {
    let failure = Failure::new(format!("`{name}` cannot be exposed in environment `{environment}`"));
    match known {
        [] => failure.hint(format!("a service with the profile `{PREFIX}{name}` in a compose file would make it possible")),
        _ => failure.hint(format!("what can be exposed: {}", known.join(", "))),
    }
}

/// A line for each port that exposes `name`.
fn described(model: &Model, name: &str, root: &std::path::Path) -> Vec<String> {
    let profile = format!("{PREFIX}{name}");
    let services = model.services.values().filter(|service| service.profiles.contains(&profile));
    let ports = services.flat_map(|service| &service.ports);
    let addresses = ports.filter_map(|port| Some(format!("{}:{}", port.host(), port.published()?)));
    let exposed = model.exposed.get(name);
    addresses.map(|address| line(name, &address, exposed, model, root)).collect()
}

fn line(name: &str, address: &str, exposed: Option<&Exposed>, model: &Model, root: &std::path::Path) -> String {
    let Some(exposed) = exposed else { return format!("{name} listens at {address}") };
    let connect = exposed.connect.replace("{address}", address);
    let file = exposed.password.as_ref().and_then(|secret| model.secrets.get(secret)?.file.as_ref());
    let password = file.map(|file| format!("   password: in {}", file.strip_prefix(root).unwrap_or(file).display()));
    format!("{name} listens at {address}   {connect}{}", password.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(published: &str) -> Model {
        let json = serde_json::json!({
            "services": {
                "db": {},
                "expose-db": { "profiles": ["expose-db"], "ports": [{ "host_ip": "127.0.0.1", "target": 5432, "published": published, "protocol": "tcp" }] },
            },
            "secrets": { "password": { "file": "/repo/infra/secrets/local/password" } },
            "x-expose": { "db": { "connect": "postgres://slipway@{address}/slipway", "password": "password" } },
        });
        Model::parse(&json.to_string()).expect("valid")
    }

    #[test]
    fn a_way_to_connect_is_shown_without_the_password() {
        assert_eq!(
            described(&model("5432"), "db", std::path::Path::new("/repo")),
            ["db listens at localhost:5432   postgres://slipway@localhost:5432/slipway   password: in infra/secrets/local/password"]
        );
    }

    #[test]
    fn without_words_of_its_own_it_is_the_address() {
        let mut model = model("5432");
        model.exposed.clear();
        assert_eq!(described(&model, "db", std::path::Path::new("/repo")), ["db listens at localhost:5432"]);
    }

    #[test]
    fn a_refusal_says_what_there_is() {
        let texts = [refusal("db", &[], "test"), refusal("mail", &["db", "redis"], "local")].map(|failure| failure.to_string());
        insta::assert_snapshot!(texts.join("\n---\n"), @r"
        `db` cannot be exposed in environment `test`

        hint: a service with the profile `expose-db` in a compose file would make it possible
        ---
        `mail` cannot be exposed in environment `local`

        hint: what can be exposed: db, redis
        ");
    }
}
