//! The state of a project's containers, from `docker container inspect`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use serde::Deserialize;

use crate::commands;

/// One container, as far as it matters here.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Container {
    /// Its id.
    pub(crate) id: String,
    /// Its name, with a slash in front.
    name: String,
    /// The id of its image.
    pub(crate) image: String,
    /// When it was made, RFC 3339.
    pub(crate) created: String,
    /// How it is.
    pub(crate) state: State,
    /// How often the engine restarted it.
    pub(crate) restart_count: u64,
    config: Config,
    host_config: HostConfig,
    network_settings: NetworkSettings,
}

/// The `State` of a container.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct State {
    /// `created`, `running`, `paused`, `restarting`, `exited`, `dead`.
    pub(crate) status: String,
    /// Of the last run.
    pub(crate) exit_code: i64,
    /// Whether the kernel ended it for want of memory.
    #[serde(rename = "OOMKilled", default)]
    pub(crate) oom_killed: bool,
    /// RFC 3339; year 1 when never.
    pub(crate) started_at: String,
    /// RFC 3339; year 1 when never.
    pub(crate) finished_at: String,
    /// Absent without a health check.
    pub(crate) health: Option<Health>,
}

/// What health checks found.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Health {
    /// `starting`, `healthy`, `unhealthy`.
    pub(crate) status: String,
    /// The last checks, newest last; `null` before the first.
    log: Option<Vec<Check>>,
}

/// One health check.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Check {
    /// When it ended, RFC 3339.
    pub(crate) end: String,
    /// 0 is healthy.
    pub(crate) exit_code: i64,
    /// What it printed.
    pub(crate) output: String,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "PascalCase")]
struct Config {
    image: String,
    #[serde(default)]
    entrypoint: Option<Vec<String>>,
    /// From the compose file or from the image.
    healthcheck: Option<Healthcheck>,
    labels: Option<BTreeMap<String, String>>,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "PascalCase")]
struct Healthcheck {
    test: Option<Vec<String>>,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "PascalCase")]
struct HostConfig {
    memory: u64,
    /// `container:ID` where it sees the processes of another container.
    #[serde(default)]
    pid_mode: String,
    #[serde(default)]
    restart_policy: RestartPolicy,
    #[serde(default)]
    log_config: LogConfig,
    port_bindings: Option<BTreeMap<String, Option<Vec<Binding>>>>,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "PascalCase")]
struct RestartPolicy {
    #[serde(default)]
    name: String,
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(default)]
struct LogConfig {
    #[serde(rename = "Type")]
    driver: String,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "PascalCase")]
struct NetworkSettings {
    #[serde(default)]
    networks: Option<BTreeMap<String, serde::de::IgnoredAny>>,
    ports: Option<BTreeMap<String, Option<Vec<Binding>>>>,
}

#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(rename_all = "PascalCase")]
struct Binding {
    host_port: String,
}

impl Container {
    /// Its name.
    pub(crate) fn name(&self) -> &str {
        self.name.trim_start_matches('/')
    }

    fn label(&self, label: &str) -> &str {
        self.config.labels.as_ref().and_then(|labels| labels.get(&format!("com.docker.compose.{label}"))).map_or("", String::as_str)
    }

    /// The Compose project that it belongs to.
    pub(crate) fn project(&self) -> &str {
        self.label("project")
    }

    /// The service it belongs to.
    pub(crate) fn service(&self) -> &str {
        self.label("service")
    }

    /// Its number among the containers of the service, from 1 on.
    pub(crate) fn number(&self) -> u32 {
        self.label("container-number").parse().unwrap_or(1)
    }

    /// What Compose made of the service's configuration when it created the container.
    pub(crate) fn config_hash(&self) -> &str {
        self.label("config-hash")
    }

    /// The environment it belongs to; nothing for one that does not say.
    pub(crate) fn environment(&self) -> Option<&str> {
        self.config.labels.as_ref()?.get(ENVIRONMENT).map(String::as_str).filter(|name| !name.is_empty())
    }

    /// The project directory it was created from.
    pub(crate) fn working_dir(&self) -> &str {
        self.label("project.working_dir")
    }

    /// Whether it is one that Compose keeps for a service: not one of `docker compose run`, and not one that somebody ran by hand from an image
    /// of ours, which has the labels for project and service from the image.
    fn of_service(&self) -> bool {
        !self.service().is_empty() && !self.config_hash().is_empty() && self.label("oneoff") != "True"
    }

    /// The image as the configuration names it.
    pub(crate) fn image_name(&self) -> &str {
        &self.config.image
    }

    /// The program that it runs, with the arguments that always come first.
    pub(crate) fn entrypoint(&self) -> &[String] {
        self.config.entrypoint.as_deref().unwrap_or_default()
    }

    /// Whether its health is checked, by a test of the compose file or of its image.
    pub(crate) fn checked(&self) -> bool {
        let test = self.config.healthcheck.as_ref().and_then(|check| check.test.as_ref());
        test.is_some_and(|test| test.first().is_some_and(|kind| kind != "NONE"))
    }

    /// Whether the engine starts it again after it failed.
    pub(crate) fn restarts(&self) -> bool {
        matches!(self.host_config.restart_policy.name.as_str(), "always" | "unless-stopped" | "on-failure")
    }

    /// Whether it is to run until it is stopped: the engine starts it again even after a success.
    pub(crate) fn keeps_running(&self) -> bool {
        matches!(self.host_config.restart_policy.name.as_str(), "always" | "unless-stopped")
    }

    /// Whether it runs.
    pub(crate) fn running(&self) -> bool {
        self.state.status == "running"
    }

    /// Whether it ended by itself with success.
    pub(crate) fn completed(&self) -> bool {
        self.state.status == "exited" && self.state.exit_code == 0
    }

    /// `starting`, `healthy`, `unhealthy`; nothing when it does not run or has no health check.
    pub(crate) fn health(&self) -> Option<&str> {
        self.state.health.as_ref().filter(|_| self.running()).map(|health| health.status.as_str())
    }

    /// The newest health check.
    pub(crate) fn last_check(&self) -> Option<&Check> {
        self.state.health.as_ref()?.log.as_ref()?.last()
    }

    /// The memory limit in bytes; 0 is none.
    pub(crate) fn memory_limit(&self) -> u64 {
        self.host_config.memory
    }

    /// The logging driver that gets its lines: `json-file`, `none`.
    pub(crate) fn log_driver(&self) -> &str {
        &self.host_config.log_config.driver
    }

    /// Whether one of `containers` sees, and may stop, its processes, as a debugger does: a program that is stopped then does not hang.
    pub(crate) fn is_examined(&self, containers: &[Container]) -> bool {
        containers.iter().any(|other| other.running() && other.host_config.pid_mode.strip_prefix("container:") == Some(self.id.as_str()))
    }

    /// The networks that it is connected to, by the engine's names.
    pub(crate) fn networks(&self) -> impl Iterator<Item = &str> {
        self.network_settings.networks.iter().flat_map(BTreeMap::keys).map(String::as_str)
    }

    /// The host ports that it has now.
    pub(crate) fn host_ports(&self) -> Vec<u16> {
        ports(self.network_settings.ports.as_ref())
    }

    /// The ports that it publishes now: that of the host, and its own with the protocol, as in `443/tcp`.
    pub(crate) fn published(&self) -> BTreeSet<(u16, &str)> {
        let ports = self.network_settings.ports.iter().flatten();
        let pairs = ports.flat_map(|(own, bindings)| bindings.iter().flatten().map(move |binding| (binding, own.as_str())));
        pairs.filter_map(|(binding, own)| Some((binding.host_port.parse().ok()?, own))).collect()
    }

    /// The host port that leads to `target` now.
    pub(crate) fn host_port(&self, target: u16) -> Option<u16> {
        let ports = self.network_settings.ports.as_ref()?;
        ports.get(&format!("{target}/tcp"))?.as_ref()?.first()?.host_port.parse().ok()
    }

    /// The host port that it has, or had when it ran, for `target`.
    pub(crate) fn configured_port(&self, target: u16) -> Option<u16> {
        let key = format!("{target}/tcp");
        let bindings = self.host_config.port_bindings.as_ref()?.get(&key)?.as_ref()?;
        bindings.first()?.host_port.parse().ok().filter(|port| *port != 0)
    }
}

fn ports(map: Option<&BTreeMap<String, Option<Vec<Binding>>>>) -> Vec<u16> {
    let bindings = map.into_iter().flatten().filter_map(|(_, bindings)| bindings.as_ref()).flatten();
    let mut ports: Vec<u16> = bindings.filter_map(|binding| binding.host_port.parse().ok()).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// Those of `service`: several where it has replicas.
pub(crate) fn of<'a>(containers: &'a [Container], service: &str) -> impl Iterator<Item = &'a Container> + Clone {
    containers.iter().filter(move |container| container.service() == service)
}

/// The project's containers by service, running or not; others that carry its label are left out.
///
/// # Errors
/// When the engine does not answer.
pub(crate) fn list(project: &str) -> anyhow::Result<Vec<Container>> {
    let ids: Vec<String> = commands::engine::containers(project).read()?.lines().map(str::to_owned).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let output = commands::engine::inspect(&ids).capture()?;
    // A container that was removed since it was listed makes the exit code non-zero; the others are printed all the same.
    of_services(&output.stdout)
}

/// Those of services in the JSON array of `docker container inspect`.
///
/// # Errors
/// When it is something else.
pub(crate) fn of_services(json: &str) -> anyhow::Result<Vec<Container>> {
    let mut containers = parse(json)?;
    containers.retain(Container::of_service);
    Ok(containers)
}

/// Parses the JSON array of `docker container inspect`, sorted by service and number.
fn parse(json: &str) -> anyhow::Result<Vec<Container>> {
    let mut containers: Vec<Container> = serde_json::from_str(json).context("cannot read what `docker container inspect` printed")?;
    containers.sort_by(|a, b| (a.service(), a.number(), &a.name).cmp(&(b.service(), b.number(), &b.name)));
    Ok(containers)
}

/// The label of containers and volumes that names their environment.
pub(crate) const ENVIRONMENT: &str = "slipway.environment";

/// The label of a container that works for one command: which one.
pub(crate) const DOING: &str = "slipway.doing";

/// What the container of `migrate revert` does, in that label.
pub(crate) const REVERT: &str = "revert";

#[cfg(test)]
pub(crate) mod tests;
