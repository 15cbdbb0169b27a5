//! The compose model: what `docker compose config --format json` says, as far as xtask needs it.

mod attributes;
mod backup;
mod build;
mod develop;
mod keys;
mod migrations;
#[cfg(test)]
mod page;
mod secrets;
mod unsupported;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use serde::Deserialize;

pub(crate) use self::backup::{Data, Keep, Named};
pub(crate) use self::build::Build;
pub(crate) use self::develop::{Action, Develop, Reload, Rule};
pub(crate) use self::migrations::{Migrations, Sizes};
pub(crate) use self::secrets::{Kind, Note, Rotate, Secret};
pub(crate) use self::unsupported::Problem;
use crate::images;

/// The merged, interpolated orchestration files; only services whose profile is on.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Model {
    /// The Compose project.
    #[serde(default)]
    name: String,
    /// The JSON itself, for attributes that nothing here has a field for.
    #[serde(skip)]
    json: Arc<serde_json::Value>,
    /// The services by name.
    pub(crate) services: BTreeMap<String, Service>,
    /// The secrets by name.
    #[serde(default)]
    pub(crate) secrets: BTreeMap<String, Secret>,
    /// The volumes that services use, by name.
    #[serde(default)]
    pub(crate) volumes: BTreeMap<String, Named>,
    /// The networks that services are in, by name.
    #[serde(default)]
    pub(crate) networks: BTreeMap<String, Named>,
    /// Our own key: variables that a copy of the data is started with, so that nobody hears from it.
    #[serde(rename = "x-drill", default)]
    pub(crate) drill: BTreeMap<String, String>,
    /// Our own key: what of the volumes is backed up, and how.
    #[serde(rename = "x-backup", default)]
    pub(crate) backup: BTreeMap<String, Keep>,
    /// Our own key: what is not usual about secrets.
    #[serde(rename = "x-secrets", default)]
    pub(crate) secret_notes: BTreeMap<String, Note>,
    /// Our own key: what `cargo xtask shell` runs in a service.
    #[serde(rename = "x-shell", default)]
    pub(crate) shells: BTreeMap<String, Vec<String>>,
    /// Our own key: how migrations are run.
    #[serde(rename = "x-migrations")]
    pub(crate) migrations: Option<Migrations>,
    /// Our own key: what the development loop must know.
    #[serde(rename = "x-develop")]
    pub(crate) develop: Option<Develop>,
    /// Our own key: variables for tests on the host, with placeholders to be filled in.
    #[serde(rename = "x-tests", default)]
    pub(crate) tests: BTreeMap<String, String>,
    /// Our own key: how to connect to what `--expose` publishes.
    #[serde(rename = "x-expose", default)]
    pub(crate) exposed: BTreeMap<String, Exposed>,
}

/// One service.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Service {
    /// The image it runs.
    pub(crate) image: Option<String>,
    /// How the image is built; absent when it is pulled or another service builds it.
    pub(crate) build: Option<Build>,
    /// What must be there before it starts.
    #[serde(default)]
    pub(crate) depends_on: BTreeMap<String, Dependency>,
    /// How its health is checked.
    pub(crate) healthcheck: Option<Healthcheck>,
    /// The secrets that it has mounted.
    #[serde(default)]
    secrets: Vec<SecretMount>,
    /// What it has mounted.
    #[serde(default)]
    volumes: Vec<Volume>,
    /// Compose's own rules for edits.
    develop: Option<develop::Section>,
    /// Whose processes it sees.
    pid: Option<String>,
    /// Whose network it has.
    network_mode: Option<String>,
    /// Whose shared memory it uses.
    ipc: Option<String>,
    /// Whose volumes it has mounted as well.
    #[serde(default)]
    volumes_from: Vec<String>,
    /// How many containers it has, where Compose's older key says it.
    scale: Option<u32>,
    /// How it is deployed.
    deploy: Option<Deploy>,
    /// The networks that it is in.
    networks: Option<BTreeMap<String, serde::de::IgnoredAny>>,
    /// The profiles that turn it on; none for one that is always on.
    #[serde(default)]
    pub(crate) profiles: Vec<String>,
    /// The ports that it publishes.
    #[serde(default)]
    pub(crate) ports: Vec<Port>,
}

/// A `deploy` section.
#[derive(Clone, Debug, Default, Deserialize)]
struct Deploy {
    /// How many containers the service has.
    replicas: Option<u32>,
}

/// An entry of a service's `secrets`.
#[derive(Clone, Debug, Deserialize)]
struct SecretMount {
    /// The name at the top level.
    source: String,
}

/// An entry of `volumes`.
#[derive(Clone, Debug, Deserialize)]
struct Volume {
    /// `bind`, `volume`, …
    #[serde(rename = "type")]
    kind: String,
    /// A path of the host for `bind`, a name for `volume`.
    #[serde(default)]
    source: PathBuf,
    /// Where it is in the container.
    #[serde(default)]
    target: PathBuf,
}

impl Service {
    /// The directories and files of the host that it has mounted, and where.
    pub(crate) fn binds(&self) -> impl Iterator<Item = (&Path, &Path)> {
        self.volumes.iter().filter(|volume| volume.kind == "bind").map(|volume| (volume.source.as_path(), volume.target.as_path()))
    }

    /// The volumes that it has mounted, as the compose files name them.
    pub(crate) fn named_volumes(&self) -> impl Iterator<Item = &Path> {
        self.volumes.iter().filter(|volume| volume.kind == "volume").map(|volume| volume.source.as_path())
    }

    /// Whether it has the secret `name` mounted.
    pub(crate) fn has_secret(&self, name: &str) -> bool {
        self.secrets.iter().any(|mount| mount.source == name)
    }

    /// The networks that it is in, as the compose files name them.
    pub(crate) fn networks(&self) -> impl Iterator<Item = &str> {
        self.networks.iter().flat_map(BTreeMap::keys).map(String::as_str)
    }

    /// The services whose processes, network, memory or volumes it uses as its own: its container names theirs, and is replaced with them.
    pub(crate) fn shares(&self) -> impl Iterator<Item = &str> {
        let spaces = [&self.pid, &self.network_mode, &self.ipc].into_iter().filter_map(|mode| mode.as_deref()?.strip_prefix("service:"));
        // The name of a service, perhaps with `:ro`.
        let volumes = self.volumes_from.iter().filter(|from| !from.starts_with("container:"));
        spaces.chain(volumes.filter_map(|from| from.split(':').next()))
    }

    /// How many containers it has. `scale` counts where both keys are there, as for Compose.
    pub(crate) fn replicas(&self) -> u32 {
        self.scale.or_else(|| self.deploy.as_ref()?.replicas).unwrap_or(1)
    }

    /// Whether its health is checked, as far as the compose files say; nothing where that is the image's business.
    pub(crate) fn checked(&self) -> Option<bool> {
        let check = self.healthcheck.as_ref()?;
        if check.disable {
            return Some(false);
        }
        check.test.as_ref().and_then(|test| test.first()).map(|kind| kind != "NONE")
    }

    /// Compose's rules for edits: `develop.watch`.
    pub(crate) fn rules(&self) -> &[Rule] {
        self.develop.as_ref().map_or(&[], |section| &section.watch)
    }
}

/// An entry of `ports`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct Port {
    /// The host address; every one when absent.
    pub(crate) host_ip: Option<String>,
    /// The host port, as text; the engine chooses when absent or empty.
    published: Option<String>,
    /// What goes through it.
    #[serde(default)]
    pub(crate) protocol: Protocol,
}

/// The protocol of a published port.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Protocol {
    Udp,
    /// Also what is neither: there is no telling whether its ports are free.
    #[default]
    #[serde(other)]
    Tcp,
}

impl Port {
    /// The host port, where it is fixed.
    pub(crate) fn published(&self) -> Option<u16> {
        self.published.as_deref()?.parse().ok().filter(|port| *port != 0)
    }

    /// The address for a client on this machine.
    pub(crate) fn host(&self) -> &str {
        match self.host_ip.as_deref() {
            None | Some("" | "127.0.0.1" | "0.0.0.0" | "::" | "::1") => "localhost",
            Some(other) => other,
        }
    }
}

/// An entry of `x-expose`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exposed {
    /// What a client takes, with `{address}` in it.
    pub(crate) connect: String,
    /// The secret that has the password.
    pub(crate) password: Option<String>,
}

/// An entry of `depends_on`.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct Dependency {
    /// What counts as being there.
    pub(crate) condition: Condition,
    /// Whether the stack is wrong without it.
    #[serde(default = "required")]
    pub(crate) required: bool,
    /// Whether the service is restarted where Compose restarts or replaces what it depends on.
    #[serde(default)]
    pub(crate) restart: bool,
}

fn required() -> bool {
    true
}

/// The conditions that Compose knows.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub(crate) enum Condition {
    /// It runs.
    #[serde(rename = "service_started")]
    Started,
    /// Its health check passed.
    #[serde(rename = "service_healthy")]
    Healthy,
    /// It ended with exit code 0.
    #[serde(rename = "service_completed_successfully")]
    Completed,
}

/// A `healthcheck` section.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Healthcheck {
    /// Turned off.
    #[serde(default)]
    disable: bool,
    /// The command; nothing where the one of the image is meant. `NONE` turns it off.
    test: Option<Vec<String>>,
}

const UNREADABLE: &str = "cannot read what `docker compose config` printed";

/// Compose doubles each dollar sign of what it prints, so that its output can be its input.
fn value(json: &str) -> anyhow::Result<serde_json::Value> {
    serde_json::from_str(&json.replace("$$", "$")).context(UNREADABLE)
}

impl Model {
    /// Parses Compose's JSON, made of the compose files `files` in the directory `infra`.
    ///
    /// # Errors
    /// When one of our own keys is not right, with its file and line.
    pub(crate) fn read(json: &str, infra: &Path, files: &[PathBuf]) -> anyhow::Result<Self> {
        let value = value(json)?;
        let files = keys::read(infra, files);
        keys::check_types(&value, &files)?;
        let model = Self::of(value)?;
        keys::check_services(&model, &files)?;
        Ok(model)
    }

    /// Parses Compose's JSON, without a look at the files that it was made of.
    ///
    /// # Errors
    /// When it is not what Compose prints.
    pub(crate) fn parse(json: &str) -> anyhow::Result<Self> {
        Self::of(value(json)?)
    }

    fn of(json: serde_json::Value) -> anyhow::Result<Self> {
        let mut model = Self::deserialize(&json).context(UNREADABLE)?;
        for (name, service) in &mut model.services {
            service.image = match &service.image {
                Some(image) => Some(images::tagged(image)),
                // The name that Compose gives it.
                None => service.build.as_ref().map(|_| images::tagged(&format!("{}-{name}", model.name))),
            };
        }
        Ok(Self { json: json.into(), ..model })
    }

    /// What a start refuses; `here` says whether the engine has an image.
    pub(crate) fn unsupported(&self, here: impl Fn(&str) -> bool) -> Vec<Problem> {
        unsupported::problems(&self.json, here)
    }

    /// The keys that the specification of Compose did not have when `attributes.txt` was written.
    pub(crate) fn unknown_keys(&self) -> Vec<String> {
        attributes::paths(&self.json).into_iter().filter(|(_, path)| path.is_none()).map(|(key, _)| key).collect()
    }

    /// Without the knowledge that these `services` run programs of this repository.
    pub(crate) fn without_programs<'a>(mut self, services: impl Iterator<Item = &'a String>) -> Self {
        if let Some(develop) = &mut self.develop {
            services.for_each(|service| drop(develop.programs.remove(service)));
        }
        self
    }

    /// Whether `service` ends by itself: something waits for its completion.
    pub(crate) fn one_shot(&self, service: &str) -> bool {
        let completed = |dependency: &Dependency| dependency.condition == Condition::Completed;
        self.services.values().any(|other| other.depends_on.get(service).is_some_and(completed))
    }

    /// Whether everything that needs `service` can do without it.
    pub(crate) fn optional(&self, service: &str) -> bool {
        let mut uses = self.services.values().filter_map(|other| other.depends_on.get(service)).peekable();
        uses.peek().is_some() && uses.all(|dependency| !dependency.required)
    }

    /// The services that want to be restarted where one of `services` is, directly or through others.
    pub(crate) fn restarted_with(&self, services: &BTreeSet<String>) -> BTreeSet<String> {
        let (mut found, mut look) = (BTreeSet::new(), services.iter().cloned().collect::<Vec<_>>());
        while let Some(service) = look.pop() {
            let wants = self.services.iter().filter(|(_, other)| other.depends_on.get(&service).is_some_and(|need| need.restart));
            look.extend(wants.map(|(name, _)| name).filter(|name| found.insert((*name).clone())).cloned());
        }
        found
    }

    /// What `service` cannot start without, with what that needs in turn.
    pub(crate) fn needs(&self, service: &str) -> BTreeSet<String> {
        let (mut found, mut look) = (BTreeSet::new(), vec![service]);
        while let Some(service) = look.pop().and_then(|name| self.services.get(name)) {
            look.extend(service.depends_on.keys().filter(|other| found.insert((*other).clone())).map(String::as_str));
        }
        found
    }

    /// One service for each image that is built here: services that share an image are built once.
    pub(crate) fn builds(&self) -> BTreeMap<&str, &str> {
        let built = self.services.iter().filter(|(_, service)| service.build.is_some());
        // The first service of an image keeps it.
        built.rev().filter_map(|(name, service)| Some((service.image.as_deref()?, name.as_str()))).collect()
    }

    /// The images that are used as they are, neither built here nor by another service.
    pub(crate) fn pulled(&self) -> Vec<&str> {
        let built = self.builds();
        let mut images: Vec<&str> =
            self.services.values().filter_map(|service| service.image.as_deref()).filter(|image| !built.contains_key(image)).collect();
        images.sort_unstable();
        images.dedup();
        images
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A stack like ours, shortened.
    pub(crate) fn sample() -> Model {
        Model::parse(include_str!("sample.json")).expect("valid")
    }

    #[test]
    fn a_service_that_others_wait_to_complete_is_a_one_shot() {
        let model = sample();
        assert_eq!(model.services.keys().filter(|name| model.one_shot(name)).collect::<Vec<_>>(), ["migrate"]);
    }

    #[test]
    fn a_shared_image_is_built_once() {
        let builds: Vec<(&str, &str)> = sample_builds();
        assert_eq!(builds, [("slipway/backend:main", "backend"), ("slipway/frontend:main", "frontend"), ("slipway/proxy:main", "proxy")]);
        assert_eq!(sample().pulled(), ["postgres:17", "redis:8"]);
    }

    #[test]
    fn a_service_that_is_only_built_has_composes_name_for_its_image() {
        let json = r#"{"name":"slipway-fix","services":{"web":{"build":{"context":"."}},"db":{"image":"postgres"},"pinned":{"image":"a@sha256:1"}}}"#;
        let model = Model::parse(json).expect("valid");
        assert_eq!(model.builds().into_iter().collect::<Vec<_>>(), [("slipway-fix-web:latest", "web")]);
        assert_eq!(model.pulled(), ["a@sha256:1", "postgres:latest"]);
    }

    #[test]
    fn dollar_signs_are_those_of_the_file() {
        let model = Model::parse(r#"{"x-shell":{"db":["sh","-c","echo $$HOME $$$$"]},"services":{}}"#).expect("valid");
        assert_eq!(model.shells["db"], ["sh", "-c", "echo $HOME $$"]);
    }

    #[test]
    fn replicas_and_health_checks_are_read_as_compose_does() {
        let json = r#"{"services":{"one":{},"two":{"deploy":{"replicas":2}},"none":{"deploy":{"replicas":0}},"scaled":{"scale":3,"deploy":{"replicas":2}},
            "off":{"healthcheck":{"disable":true}},"never":{"healthcheck":{"test":["NONE"]}},"own":{"healthcheck":{"test":["CMD","true"]}},
            "image":{"healthcheck":{"interval":"3s"}}}}"#;
        let model = Model::parse(json).expect("valid");
        assert_eq!(["one", "two", "none", "scaled"].map(|name| model.services[name].replicas()), [1, 2, 0, 3]);
        let checked = ["one", "off", "never", "own", "image"].map(|name| model.services[name].checked());
        assert_eq!(checked, [None, Some(false), Some(false), Some(true), None]);
    }

    #[test]
    fn what_all_can_do_without_is_optional_and_restarts_go_on() {
        let json = r#"{"services":{"db":{},"cache":{},"mail":{},
            "web":{"depends_on":{"db":{"condition":"service_started","restart":true},"cache":{"condition":"service_started","required":false}}},
            "proxy":{"depends_on":{"web":{"condition":"service_started","restart":true},"cache":{"condition":"service_started","required":false}}}}}"#;
        let model = Model::parse(json).expect("valid");
        assert_eq!(["db", "cache", "mail"].map(|name| model.optional(name)), [false, true, false]);
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        assert_eq!(model.restarted_with(&names(&["db"])), names(&["proxy", "web"]));
        assert_eq!(model.restarted_with(&names(&["cache"])), names(&[]));
    }

    #[test]
    fn what_a_service_uses_of_another_is_named() {
        let json = r#"{"services":{"a":{"ipc":"service:b","network_mode":"service:c","pid":"service:d","volumes_from":["e:ro","f","container:g"]},
            "h":{"ipc":"shareable","network_mode":"host","pid":"container:i"}}}"#;
        let model = Model::parse(json).expect("a model");
        let shares =
            |service: &str| model.services[service].shares().map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect::<String>();
        assert_eq!((shares("a").as_str(), shares("h").as_str()), ("bcdef", ""));
    }

    fn sample_builds() -> Vec<(&'static str, &'static str)> {
        let model: &'static Model = Box::leak(Box::new(sample()));
        model.builds().into_iter().collect()
    }
}
