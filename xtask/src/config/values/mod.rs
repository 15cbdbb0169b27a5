//! The types of settings: each refuses what makes no sense, with an example of what does.

mod bind;
mod cpus;
mod duration;
mod folder;
mod host;
mod image;
mod integer;
mod repository;
mod size;
mod webhook;

pub(crate) use bind::Bind;
pub(crate) use cpus::Cpus;
pub(crate) use duration::Duration;
pub(crate) use folder::Folder;
pub(crate) use host::Host;
pub(crate) use image::{Repository, Tag};
pub(crate) use integer::{Pids, Port, Restarts};
pub(crate) use repository::{BackupRepository, Scheme};
pub(crate) use size::Size;
pub(crate) use webhook::Webhook;

use toml::Value;

/// A value as a person would recognise it in a message.
pub(super) fn shown(value: &Value) -> String {
    match value {
        // As it is, but for what a terminal would act on, and not for ever.
        Value::String(text) => format!("`{}`", text.replace(char::is_control, "\u{fffd}").chars().take(80).collect::<String>()),
        Value::Table(_) => "a table".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        value => format!("`{value}`"),
    }
}
