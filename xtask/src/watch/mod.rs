//! Watching the working tree: which files got another content, told in batches a moment after the last save.
//!
//! A [`Watcher`] registers each directory that git does not ignore, and below those that it does only the way to files that it tracks all the same. What the system reports is only a hint: a file
//! is in a [`Batch`] when its content differs from what was last told, whatever the event was. So no way of saving is lost, and a touched file is no change.

mod content;
mod debounce;
mod engine;
mod ephemeral;
mod git;
mod ledger;
mod notice;
mod registry;
mod rules;
mod tree;

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Context as _;

pub(crate) use self::content::Fingerprint;
pub(crate) use self::notice::{Notice, limit};
pub(crate) use self::rules::Wanted;

use self::debounce::Windows;
use self::engine::{Engine, Message};
use self::registry::{Connect, Registry};
use self::tree::Tree;

/// How to watch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    /// Compare the whole tree again and again instead of asking the system: for file systems that report nothing, such as network shares.
    pub(crate) poll: bool,
}

/// What changed since the batch before. Never empty.
#[derive(Clone, Debug)]
pub(crate) struct Batch {
    /// The files, in the order of their paths.
    pub(crate) changed: Vec<Change>,
    /// When the system reported the first of them.
    pub(crate) first_event: Instant,
    /// When all of them were compared.
    pub(crate) decided: Instant,
    /// The whole tree was compared: the system lost count of its events, or a `.gitignore` changed.
    pub(crate) rescan: bool,
}

/// One file whose content is another than the one that was told before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// Relative to the root that is watched.
    pub(crate) path: PathBuf,
    /// What became of it.
    pub(crate) kind: Kind,
    /// What it holds now, so that who acts on it can tell an undone change; nothing for a removed file.
    pub(crate) content: Option<Fingerprint>,
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It was not there, or was ignored.
    Created,
    /// It has another content.
    Modified,
    /// It is gone, or ignored from now on.
    Removed,
}

/// Watches until it is dropped.
#[derive(Debug)]
#[must_use = "nothing is watched any more when this goes"]
pub(crate) struct Watcher {
    inbox: mpsc::Sender<Message>,
    thread: Option<JoinHandle<()>>,
}

/// How often a directory that the system does not watch is compared, unless that takes more than a tenth of the time.
const POLL_EVERY: Duration = Duration::from_millis(250);

impl Watcher {
    /// Learns the content of all files below `root`, then tells `send` of each batch that differs, and `say` what the user should know.
    /// Both are called on a thread of the watcher and must not drop it; while `send` works, the next batch gathers.
    ///
    /// # Errors
    /// When `root` cannot be read.
    pub(crate) fn start(
        root: &Path,
        options: Options,
        send: impl Fn(Batch) + Send + 'static,
        say: impl Fn(Notice) + Send + 'static,
    ) -> anyhow::Result<Self> {
        Self::start_with(
            root,
            Setup { options, windows: Windows::default(), poll_every: POLL_EVERY, connect: Box::new(registry::system) },
            send,
            say,
        )
    }

    /// Also what `wanted` names is watched from now on, although git ignores it. Of what is there already only that is told that changed since the start.
    pub(crate) fn want(&self, wanted: Wanted) {
        // The thread listens for as long as there is a watcher.
        let _ = self.inbox.send(Message::Want(wanted));
    }

    fn start_with(
        root: &Path,
        setup: Setup,
        send: impl Fn(Batch) + Send + 'static,
        say: impl Fn(Notice) + Send + 'static,
    ) -> anyhow::Result<Self> {
        // Events name real paths on systems that resolve links.
        let root = root.canonicalize().with_context(|| format!("cannot watch {}", root.display()))?;
        std::fs::read_dir(&root).with_context(|| format!("cannot watch {}", root.display()))?;
        let (inbox, messages) = mpsc::channel();
        let registry = if setup.options.poll { Registry::polling() } else { Registry::connect(&root, setup.connect, inbox.clone()) };
        let mut engine = Engine::new(Tree::read(root, registry), setup.windows, setup.poll_every, send, say);
        let thread =
            std::thread::Builder::new().name("watch".to_owned()).spawn(move || engine.run(&messages)).context("cannot start a thread")?;
        Ok(Self { inbox, thread: Some(thread) })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // The thread is gone already when it does not listen.
        let _ = self.inbox.send(Message::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What differs between the real thing and its tests.
struct Setup {
    options: Options,
    windows: Windows,
    poll_every: Duration,
    connect: Connect,
}

#[cfg(test)]
mod tests;
