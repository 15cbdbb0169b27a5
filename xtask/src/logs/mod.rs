//! What the services say, as one stream: read to the end ([`read`]), or followed over restarts and recreations of containers ([`follow`]).
//!
//! `docker compose logs --follow` lets go of a container that is restarted or replaced. Here one `docker container logs` for each container is started
//! anew by the engine's events, from the last line on.

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

use std::ops::ControlFlow;
use std::sync::Arc;

pub(crate) use self::follow::follow;
pub(crate) use self::grep::Grep;
pub(crate) use self::level::{Facts, Level};
pub(crate) use self::render::{Filter, Renderer};
pub(crate) use self::source::Origin;
pub(crate) use self::stamp::Stamp;
use crate::commands::engine::{LogOptions, logs};
use crate::engine::containers::Container;
use crate::process::Stream;
use crate::report::Failure;
use merge::merge;
use source::Source;

/// One line of a container's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// When the engine received it.
    pub(crate) at: Stamp,
    /// The service.
    pub(crate) service: Arc<str>,
    /// The container's name.
    pub(crate) container: Arc<str>,
    /// The line itself, without its end.
    pub(crate) text: String,
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
/// `started` gets each child, to be able to end it.
///
/// # Errors
/// When a log cannot be read.
pub(crate) fn read(
    containers: &[Container],
    begin: &Begin,
    started: impl Fn(Stream),
    mut each: impl FnMut(Stamp, &Origin, &str) -> ControlFlow<()>,
) -> anyhow::Result<()> {
    let mut sources = Vec::new();
    let mut streams = Vec::new();
    for container in containers {
        let origin = Origin { service: container.service().into(), container: container.name().into() };
        let (source, stream) = Source::open(&logs(&container.id, &begin.options()), origin)?;
        started(stream.clone());
        sources.push(source);
        streams.push(stream);
    }
    let flow = merge(&mut sources, |source| each(merge::Ordered::at(source), &source.origin, &source.text()));
    if flow.is_break() {
        streams.iter().for_each(Stream::kill);
        return Ok(());
    }
    for (source, stream) in sources.iter().zip(&streams) {
        // A container that was removed since it was listed has no log any more, which is no failure. A killed child has no code.
        let gone = source.said().is_some_and(|said| said.contains("No such container"));
        if stream.code().is_some_and(|code| code != 0) && !gone {
            let failure = Failure::new(format!("the log of `{}` cannot be read", source.origin.container));
            return Err(source.said().into_iter().fold(failure, Failure::detail).into());
        }
    }
    Ok(())
}
