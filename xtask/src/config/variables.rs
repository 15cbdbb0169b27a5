//! What the compose files get of an environment: their names, and values for their variables.

use std::collections::BTreeMap;

use super::environment::{Environment, Limits, Mode};
use super::values::{Host, Scheme};

impl Environment {
    /// The compose files, in the order they are merged: those that are named, and what the modes add.
    pub(crate) fn files(&self) -> Vec<String> {
        let (repository, scheme) = (&self.backup.repository, self.backup.repository.scheme());
        let added = [
            (self.tls.is_on(), "compose.tls.yaml"),
            (self.database.mode == Mode::External, "compose.external-database.yaml"),
            (self.redis.mode == Mode::External, "compose.external-redis.yaml"),
            (self.mail.password, "compose.mail-password.yaml"),
            (repository.is_on(), "compose.backup-repository.yaml"),
            (scheme.is_some(), "compose.backup-remote.yaml"),
            (scheme == Some(Scheme::S3), "compose.backup-s3.yaml"),
            (scheme == Some(Scheme::Sftp), "compose.backup-sftp.yaml"),
            (scheme == Some(Scheme::RestUser), "compose.backup-rest.yaml"),
        ];
        let added = added.into_iter().filter(|(on, _)| *on).map(|(_, file)| file.to_owned());
        let sources = self.sources.keys().map(|service| source_file(service));
        self.compose.files.iter().cloned().chain(added).chain(sources).collect()
    }

    /// The variables that the compose files take from this environment. What is the same in `base` is left out: the compose files have it as default,
    /// and command lines stay short.
    pub(crate) fn variables(&self, name: &str, base: &Self) -> BTreeMap<String, String> {
        let defaults = base.optional_variables();
        let differing = self.optional_variables().into_iter().filter(|(key, value)| defaults.get(key) != Some(value));
        self.own_variables(name).into_iter().chain(differing).collect()
    }

    /// Variables that have a default in the compose files.
    pub(super) fn optional_variables(&self) -> BTreeMap<String, String> {
        let mut variables = BTreeMap::from([
            ("LOG_MAX_SIZE".to_owned(), format!("{}k", self.logs.max_size.0 >> 10)),
            ("LOG_MAX_FILES".to_owned(), self.logs.max_files.to_string()),
            ("BACKUPS_DIR".to_owned(), self.backup.directory.seen_from_infra()),
        ]);
        for (service, limits) in &self.limits {
            variables.extend(limits.variables(service));
        }
        variables.extend(self.variables.iter().map(|(key, value)| (key.clone(), value.0.clone())));
        variables
    }

    /// Variables that are always set.
    pub(super) fn own_variables(&self, name: &str) -> BTreeMap<String, String> {
        let hosts: Vec<String> = self.site.names().map(Host::in_url).collect();
        let mut variables = BTreeMap::from([
            ("ENVIRONMENT".to_owned(), name.to_owned()),
            ("LOG_LEVEL".to_owned(), format!("{:?}", self.log_level).to_lowercase()),
            ("COMPOSE_PROFILES".to_owned(), self.compose.profiles.join(",")),
            ("CARGO_PROFILE".to_owned(), format!("{:?}", self.build.profile).to_lowercase()),
            ("BIND_ADDRESS".to_owned(), self.proxy.bind.to_string()),
            ("SECRETS_DIR".to_owned(), format!("./secrets/{name}")),
            ("SITE_HOSTS".to_owned(), hosts.join(" ")),
            ("IMAGE_REPOSITORY".to_owned(), self.images.repository.to_string()),
        ]);
        for (service, folder) in &self.sources {
            variables.insert(format!("{}_SOURCE", shouted(service)), folder.seen_from_infra());
        }
        if self.tls.is_on() {
            variables.insert("HSTS_SECONDS".to_owned(), self.tls.hsts.0.to_string());
        }
        variables
    }
}

impl Limits {
    /// The variables of the compose files for the limits of `service`.
    pub(super) fn variables(&self, service: &str) -> impl Iterator<Item = (String, String)> {
        let prefix = shouted(service);
        let values = [
            ("CPUS", self.cpus.map(|cpus| cpus.to_string())),
            ("MEMORY", self.memory.map(|memory| memory.to_string())),
            ("MEMORY_RESERVATION", self.memory_reservation.map(|memory| memory.to_string())),
            ("PIDS", self.pids.map(|pids| pids.0.to_string())),
        ];
        values.into_iter().filter_map(move |(suffix, value)| Some((format!("{prefix}_{suffix}"), value?)))
    }
}

/// The compose file that builds `service` from another repository.
pub(crate) fn source_file(service: &str) -> String {
    format!("compose.source-{service}.yaml")
}

/// The name of a service as a part of a variable's name.
fn shouted(service: &str) -> String {
    service.to_uppercase().replace('-', "_")
}
