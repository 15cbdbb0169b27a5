//! What the loop hears of, from threads and children.

use std::collections::BTreeSet;
use std::sync::mpsc::Sender;

use super::cycle::Id;
use super::deeds::Outcome;
use super::files::Reloaded;
use super::sync::{Edit, Placed};
use crate::engine::containers::Container;
use crate::engine::events::Event;
use crate::logs::Line;
use crate::stack::{Resolved, Stack};
use crate::watch::Batch;

/// Something that happened.
pub(super) enum Message {
    /// Files changed.
    Changed(Batch),
    /// The watcher has something to say.
    Notice(String),
    /// A line of the agent; its end. The number tells conversations apart.
    Agent(u64, Option<String>),
    /// A line of a service's reloader; its end.
    Reloader(String, u64, Option<String>),
    /// A line of the hub; its end.
    Hub(Option<String>),
    /// Something happened to a container; nothing when the engine tells no more.
    Engine(Option<Event>),
    /// Lines of logs, in the order of their times.
    Lines(Vec<Line>),
    /// What is; nothing when the engine cannot say.
    Containers(Option<Vec<Container>>),
    /// The database is up to date, or not.
    Migrated(Id, Outcome),
    /// A service took its new files, or did not.
    Reloaded(String, Reloaded),
    /// Rules of Compose were followed for these files in each of these containers, or not.
    Ruled(String, BTreeSet<Edit>, Vec<(Result<Placed, String>, String)>),
    /// A service is not up with these files, for that reason; its last words.
    Down(String, Vec<String>, String, String),
    /// A restart for somebody's health, or not.
    Restarted(String, Outcome),
    /// What a person asked for on the page.
    Answered(u64, Outcome),
    /// The stack was brought to what its files say, or not, with new images of these services.
    Again(Vec<String>, anyhow::Result<Box<(Stack, Resolved)>>),
    /// Somebody wants to stop.
    Interrupted,
}

/// Sends what comes as a message; the loop is gone only when nobody is interested any more.
pub(super) fn sender<T>(send: &Sender<Message>, wrap: impl Fn(T) -> Message + Send + 'static) -> impl Fn(T) + Send + 'static {
    let send = send.clone();
    move |value| drop(send.send(wrap(value)))
}
