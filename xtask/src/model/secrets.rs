//! What the compose files say about secrets: the files, and our own key `x-secrets`.

use std::path::PathBuf;

use serde::Deserialize;

/// An entry of the top-level `secrets`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Secret {
    /// The file that holds it.
    pub(crate) file: Option<PathBuf>,
}

/// An entry of `x-secrets`: what is not usual about a secret.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Note {
    /// Where its value comes from.
    #[serde(default)]
    pub(crate) kind: Kind,
    /// How a new value gets into what is running; without it, services that have it mounted are restarted.
    pub(crate) rotate: Option<Rotate>,
}

/// Where a secret's value comes from.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// Any value will do, as long as nobody guesses it.
    #[default]
    Random,
    /// Any value will do as well, but it belongs to no data of the stack, and what it once encrypted needs it for ever.
    Passphrase,
    /// Somebody else knows it: an address, the password of an account.
    Given,
    /// A certificate, in PEM.
    Certificate,
    /// The private key of the certificate, in PEM.
    Key,
}

/// A command that tells a running service of a new value.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rotate {
    /// The service whose container it runs in.
    pub(crate) service: String,
    /// The command.
    pub(crate) command: Vec<String>,
    /// What it reads, with `{value}` where the new value belongs: it must not be in the command line, which others can see.
    #[serde(default)]
    pub(crate) stdin: String,
}
