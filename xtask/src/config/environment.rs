//! The settings of one environment as types. `infra/env/base.toml` is their documentation, and has every one of them.

use serde::Deserialize;
use std::collections::BTreeMap;

use super::values::{BackupRepository, Bind, Cpus, Duration, Folder, Host, Pids, Port, Repository, Restarts, Size, Tag, Webhook};

/// Everything that differs between environments, and nothing else.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Environment {
    /// The least important level that services log.
    pub(crate) log_level: LogLevel,
    /// Whether commands that change a running stack ask first.
    pub(crate) confirm: bool,
    /// Who the site is.
    pub(crate) site: Site,
    /// Which parts of the orchestration file are used.
    pub(crate) compose: Compose,
    /// How our images are built.
    pub(crate) build: Build,
    /// How our images are named.
    pub(crate) images: Images,
    /// Where the stack answers.
    pub(crate) proxy: Proxy,
    /// How the proxy encrypts.
    pub(crate) tls: Tls,
    /// Where passwords and keys come from.
    pub(crate) secrets: Secrets,
    /// PostgreSQL.
    pub(crate) database: Service,
    /// Redis.
    pub(crate) redis: Service,
    /// Backups.
    pub(crate) backup: Backup,
    /// The mail server.
    pub(crate) mail: Mail,
    /// What the engine keeps of what services write.
    pub(crate) logs: Logs,
    /// What is done about services that are not well.
    pub(crate) guard: Guard,
    /// Who is told of what nobody sees.
    pub(crate) notify: Notify,
    /// Services that are built from another repository, by name.
    pub(crate) sources: BTreeMap<String, Folder>,
    /// Values for variables of the compose files that are the application's own.
    pub(crate) variables: BTreeMap<String, Variable>,
    /// Limits of single services, by service name.
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

/// The `[site]` table.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Site {
    /// The name that links and mails use.
    pub(crate) domain: Host,
    /// Other names that are answered to.
    pub(crate) aliases: Vec<Host>,
}

impl Site {
    /// All names that are answered to, the domain first.
    pub(crate) fn names(&self) -> impl Iterator<Item = &Host> {
        std::iter::once(&self.domain).chain(&self.aliases)
    }
}

/// The `[compose]` table.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Compose {
    /// Compose files in `infra/`, in the order they are merged.
    pub(crate) files: Vec<String>,
    /// Profiles that are on: optional services.
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

/// The `[images]` table.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Images {
    /// What names of our images begin with: a registry and a path there, or a name of this machine's only.
    pub(crate) repository: Repository,
    /// Which of them run.
    pub(crate) tag: Tag,
}

/// The `[proxy]` table.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Proxy {
    /// The host address it is published on.
    pub(crate) bind: Bind,
    /// The host port of plain HTTP.
    pub(crate) port: Port,
    /// The host port of HTTPS, where there is TLS.
    pub(crate) https_port: Port,
    /// Whether the next free port is used where one is taken.
    pub(crate) port_fallback: bool,
}

/// The `[tls]` table.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tls {
    /// Where the certificate comes from.
    pub(crate) mode: TlsMode,
    /// For how long browsers remember that there is nothing but HTTPS here; zero: they are not told.
    pub(crate) hsts: Duration,
}

impl Tls {
    /// Whether the site is reached by HTTPS.
    pub(crate) fn is_on(&self) -> bool {
        self.mode != TlsMode::Off
    }
}

/// Where the certificate comes from.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TlsMode {
    /// There is none: plain HTTP.
    Off,
    /// From the secrets `tls_certificate` and `tls_key`, which somebody put there.
    Files,
    /// The same secrets, made here where they are missing.
    SelfSigned,
}

/// The `[secrets]` table.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Secrets {
    /// Whether a start makes those that are missing.
    pub(crate) generate: bool,
}

/// The `[database]` and `[redis]` tables.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Service {
    /// Who runs it.
    pub(crate) mode: Mode,
}

/// Who runs a data service.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// A container of the stack.
    Container,
    /// Somebody else: its address is a secret.
    External,
}

/// The `[backup]` table.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Backup {
    /// Where they are kept, by project.
    pub(crate) directory: Folder,
    /// The repository that they go into.
    pub(crate) repository: BackupRepository,
}

/// The `[mail]` table.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mail {
    /// Whether the server wants the secret `mail_password`.
    pub(crate) password: bool,
}

/// The `[logs]` table.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Logs {
    /// When the engine begins a new file for a container.
    pub(crate) max_size: Size,
    /// How many files it keeps for a container.
    pub(crate) max_files: u8,
}

/// The `[guard]` table.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Guard {
    /// Whether a start leaves a guard behind.
    pub(crate) enabled: bool,
    /// How often a service is restarted without ten calm minutes in between.
    pub(crate) restarts: Restarts,
}

/// The `[notify]` table.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Notify {
    /// A program and its arguments, which gets the message on its stdin; empty: none.
    pub(crate) command: Vec<String>,
    /// Where the message is posted; empty: nowhere.
    pub(crate) webhook: Webhook,
}

impl Notify {
    /// Whether nobody wants to know anything.
    pub(crate) fn is_silent(&self) -> bool {
        self.command.is_empty() && self.webhook.0.is_none()
    }
}

/// One value of `[variables]`.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(try_from = "toml::Value")]
pub(crate) struct Variable(pub(crate) String);

impl TryFrom<toml::Value> for Variable {
    type Error = String;

    fn try_from(value: toml::Value) -> Result<Self, String> {
        match value {
            toml::Value::String(text) if text.contains(['\n', '\r', '\0']) => Err("has more than one line".to_owned()),
            toml::Value::String(text) => Ok(Self(text)),
            toml::Value::Integer(number) => Ok(Self(number.to_string())),
            toml::Value::Boolean(value) => Ok(Self(value.to_string())),
            _ => Err("write text in quotes, a whole number, true or false".to_owned()),
        }
    }
}

/// One `[limits.<service>]` table. What is not said is what the compose file says.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    /// Processors that it may use.
    pub(crate) cpus: Option<Cpus>,
    /// Memory that it may use; it is ended when it wants more.
    pub(crate) memory: Option<Size>,
    /// Memory that is kept for it when there is too little for all.
    pub(crate) memory_reservation: Option<Size>,
    /// Processes and threads that it may have at once.
    pub(crate) pids: Option<Pids>,
}
