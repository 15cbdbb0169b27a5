//! What the services say, as one stream: read to the end ([`read`]), or followed over restarts and recreations of containers ([`follow`]).
//!
//! `docker compose logs --follow` lets go of a container that is restarted or replaced. Here one `docker container logs` for each container is started
//! anew by the engine's events, from the last line on.

mod clock;
mod fields;
mod follow;
mod grep;
mod handle;
mod level;
mod merge;
mod render;
mod seen;
pub(crate) mod since;
mod source;
pub(crate) mod stamp;
mod unread;

#[cfg(test)]
pub(crate) use self::clock::tests;

use std::ops::ControlFlow;
use std::sync::Arc;

pub(crate) use self::clock::Clock;
pub(crate) use self::follow::follow;
pub(crate) use self::grep::Grep;
pub(crate) use self::level::{Facts, Level};
pub(crate) use self::render::{Filter, Form, Renderer, concerns};
pub(crate) use self::source::Origin;
pub(crate) use self::stamp::Stamp;
pub(crate) use self::unread::{Unread, last};
use crate::commands::engine::{LogOptions, logs};
use crate::engine::containers::Container;
use crate::process::Stream;
use crate::report::Failure;
use merge::merge;
use source::Source;
use unread::is_unreadable;

/// One line of a container's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// When the engine received it.
    pub(crate) at: Stamp,
    /// The service.
    pub(crate) service: Arc<str>,
    /// The container's name.
    pub(crate) container: Arc<str>,
    /// The line itself, without its end: bytes, as the container wrote them.
    pub(crate) text: Vec<u8>,
}

impl Line {
    /// Whose line it is.
    pub(crate) fn origin(&self) -> Origin {
        Origin { service: self.service.clone(), container: self.container.clone() }
    }
}

/// Where a stream of lines begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Begin {
    /// With what was logged before.
    Before {
        /// Lines from the end for each container; all without.
        tail: Option<u32>,
        /// From this time on, as the engine's client takes it: `10m`, or RFC 3339.
        since: Option<String>,
    },
    /// At this moment.
    At(Stamp),
}

impl Begin {
    /// What it is for one `docker container logs`.
    pub(crate) fn options(&self) -> LogOptions {
        match self {
            Self::Before { tail, since } => LogOptions { follow: false, tail: tail.map(|tail| tail.to_string()), since: since.clone() },
            Self::At(stamp) => LogOptions { follow: false, tail: None, since: Some(stamp.to_string()) },
        }
    }
}

/// Calls `each` with every line that `containers` have logged so far, in the order of their times; one line of each is in memory.
/// `started` gets each child, to be able to end it. Returns the logs that are not here.
///
/// # Errors
/// When a log cannot be read though it should be.
pub(crate) fn read(
    containers: &[Container],
    begin: &Begin,
    started: impl Fn(Stream),
    mut each: impl FnMut(Stamp, &Origin, &[u8]) -> ControlFlow<()>,
) -> anyhow::Result<Vec<Unread>> {
    let mut sources = Vec::new();
    let mut streams = Vec::new();
    for container in containers {
        let origin = Origin { service: container.service().into(), container: container.name().into() };
        let (source, stream) = Source::open(&logs(&container.id, &begin.options()), origin)?;
        started(stream.clone());
        sources.push(source);
        streams.push(stream);
    }
    let flow = merge(&mut sources, |source| each(merge::Ordered::at(source), &source.origin, source.text()));
    if flow.is_break() {
        streams.iter().for_each(Stream::kill);
        return Ok(Vec::new());
    }
    let mut unread = Vec::new();
    for ((source, stream), container) in sources.iter().zip(&streams).zip(containers) {
        let said = source.said().unwrap_or_default();
        // A container that was removed since it was listed has no log any more, which is no failure. A killed child has no code.
        if stream.code().is_none_or(|code| code == 0) || said.contains("No such container") {
            continue;
        }
        if !is_unreadable(said) {
            let failure = Failure::new(format!("the log of `{}` cannot be read", source.origin.container));
            return Err(source.said().into_iter().fold(failure, Failure::detail).into());
        }
        unread.push(Unread::of(container));
    }
    Ok(unread)
}
