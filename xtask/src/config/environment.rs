//! `infra/env/<name>.toml`: everything that differs between environments, and nothing else.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use serde::Deserialize;

use super::size::Size;
use crate::project::Project;
use crate::report::Failure;

/// One environment's settings. The commented files in `infra/env/` are the documentation of each key.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Environment {
    /// The least important level that services log.
    pub(crate) log_level: LogLevel,
    /// Which parts of the orchestration file are used.
    pub(crate) compose: Compose,
    /// How our images are built.
    pub(crate) build: Build,
    /// Where the stack answers.
    pub(crate) proxy: Proxy,
    /// Limits of single services, by service name; the compose file has the defaults.
    #[serde(default)]
    pub(crate) limits: BTreeMap<String, Limits>,
}

/// A level of logging, by its common name.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogLevel {
    /// Everything.
    Trace,
    /// What a developer needs.
    Debug,
    /// What an operator needs.
    Info,
    /// What may need attention.
    Warn,
    /// What needs attention.
    Error,
}

/// The `[compose]` table.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Compose {
    /// Compose files in `infra/`, in the order they are merged.
    pub(crate) files: Vec<String>,
    /// Profiles that are on: optional services.
    #[serde(default)]
    pub(crate) profiles: Vec<String>,
}

/// The `[build]` table.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Build {
    /// The cargo profile: `dev` builds fast, `release` runs fast.
    pub(crate) profile: CargoProfile,
}

/// A cargo profile of this workspace.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CargoProfile {
    /// Quick to build.
    Dev,
    /// Small and quick to run.
    Release,
}

/// The `[proxy]` table.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Proxy {
    /// The host address it is published on.
    pub(crate) bind: IpAddr,
    /// The host port it is published on.
    pub(crate) port: u16,
    /// Whether the next free port is used where this one is taken.
    #[serde(default)]
    pub(crate) port_fallback: bool,
}

/// One `[limits.<service>]` table.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    /// Processors, for example `0.5`.
    pub(crate) cpus: Option<f64>,
    /// Memory, for example `512MB`.
    pub(crate) memory: Option<Size>,
}

impl Environment {
    /// Reads and checks the environment of `project`.
    ///
    /// # Errors
    /// When there is no such file or something in it is wrong; the text names file, place and fix.
    pub(crate) fn load(project: &Project) -> anyhow::Result<Self> {
        let dir = project.infra().join("env");
        let path = dir.join(format!("{}.toml", project.environment));
        let shown = format!("infra/env/{}.toml", project.environment);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Failure::new(format!("there is no environment `{}`: `{shown}` does not exist", project.environment))
                    .hint(format!("environments here: {}", names(&dir).join(", ")))
                    .into());
            }
            Err(error) => return Err(Failure::new(format!("`{shown}` cannot be read: {error}")).into()),
        };
        Ok(Self::parse(&text, &shown)?)
    }

    fn parse(text: &str, shown: &str) -> Result<Self, Failure> {
        let environment: Self = toml::from_str(text).map_err(|error| {
            let mut failure = Failure::new(format!("`{shown}` is not valid"));
            for line in error.to_string().trim_end().lines() {
                failure = failure.detail(line);
            }
            failure.hint("the comments in the file say what each key takes")
        })?;
        let problems = environment.problems();
        if problems.is_empty() {
            return Ok(environment);
        }
        Err(problems.into_iter().fold(Failure::new(format!("`{shown}` is not valid")), Failure::detail))
    }

    fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.compose.files.is_empty() {
            problems.push("`compose.files` is empty: name at least `compose.yaml`".to_owned());
        }
        for file in &self.compose.files {
            if Path::new(file).components().count() != 1 {
                problems.push(format!("`compose.files` has `{file}`: name files of `infra/` without a directory"));
            }
        }
        if self.proxy.port == 0 {
            problems.push("`proxy.port` is 0: choose one from 1 to 65535".to_owned());
        }
        for (service, limits) in &self.limits {
            if limits.cpus.is_some_and(|cpus| !(0.01..=1024.0).contains(&cpus)) {
                problems.push(format!("`limits.{service}.cpus` is out of range: choose one from 0.01 to 1024"));
            }
            if limits.memory.is_some_and(|memory| memory.0 < 6 << 20) {
                problems.push(format!("`limits.{service}.memory` is out of range: the engine takes 6MB or more"));
            }
        }
        problems
    }

    /// The variables that the compose files take from this environment.
    pub(crate) fn variables(&self, name: &str) -> BTreeMap<String, String> {
        let mut variables = BTreeMap::from([
            ("ENVIRONMENT".to_owned(), name.to_owned()),
            ("LOG_LEVEL".to_owned(), format!("{:?}", self.log_level).to_lowercase()),
            ("COMPOSE_PROFILES".to_owned(), self.compose.profiles.join(",")),
            ("CARGO_PROFILE".to_owned(), format!("{:?}", self.build.profile).to_lowercase()),
            ("BIND_ADDRESS".to_owned(), bracketed(self.proxy.bind)),
            ("SECRETS_DIR".to_owned(), format!("./secrets/{name}")),
        ]);
        for (service, limits) in &self.limits {
            let prefix = service.to_uppercase().replace('-', "_");
            variables.extend(limits.cpus.map(|cpus| (format!("{prefix}_CPUS"), cpus.to_string())));
            variables.extend(limits.memory.map(|memory| (format!("{prefix}_MEMORY"), memory.to_string())));
        }
        variables
    }
}

/// An address as a port mapping takes it.
fn bracketed(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => format!("[{address}]"),
    }
}

/// The environments that have a file in `dir`.
pub(crate) fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().to_str()?.strip_suffix(".toml").map(str::to_owned))
        .filter(|name| !name.contains('.'))
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        log_level = "debug"
        compose = { files = ["compose.yaml", "compose.dev.yaml"], profiles = ["worker"] }
        build.profile = "dev"
        proxy = { bind = "127.0.0.1", port = 8080, port_fallback = true }
        limits.backend = { cpus = 0.5, memory = "1GB" }
    "#;

    fn refused(change: (&str, &str)) -> String {
        assert!(GOOD.contains(change.0), "the change applies");
        Environment::parse(&GOOD.replace(change.0, change.1), "infra/env/x.toml").expect_err("refused").to_string()
    }

    #[test]
    fn a_good_file_becomes_variables() {
        let environment = Environment::parse(GOOD, "x").expect("valid");
        let variables = environment.variables("local");
        let lines: Vec<String> = variables.iter().map(|(key, value)| format!("{key}={value}")).collect();
        insta::assert_snapshot!(lines.join("\n"), @r"
        BACKEND_CPUS=0.5
        BACKEND_MEMORY=1073741824b
        BIND_ADDRESS=127.0.0.1
        CARGO_PROFILE=dev
        COMPOSE_PROFILES=worker
        ENVIRONMENT=local
        LOG_LEVEL=debug
        SECRETS_DIR=./secrets/local
        ");
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_place() {
        insta::assert_snapshot!(refused(("port = 8080", "prot = 8080")));
    }

    #[test]
    fn a_wrong_value_is_refused_with_what_is_right() {
        insta::assert_snapshot!(
            [
                refused((r#""debug""#, r#""loud""#)),
                refused((r#""1GB""#, r#""lots""#)),
                refused(("8080", "80800")),
                refused((r#""127.0.0.1""#, r#""localhost""#)),
            ]
            .join("\n---\n")
        );
    }

    #[test]
    fn all_values_out_of_range_are_named_at_once() {
        let text = GOOD.replace("8080", "0").replace("0.5", "0.0").replace("1GB", "1MB").replace("compose.dev", "../compose.dev");
        insta::assert_snapshot!(Environment::parse(&text, "infra/env/x.toml").expect_err("refused").to_string());
    }
}
