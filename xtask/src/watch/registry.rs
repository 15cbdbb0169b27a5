//! Which directories the system watches for us, and which it does not and are therefore compared again and again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode};
use notify::{ErrorKind, EventKind, RecursiveMode, Watcher as _};

use super::engine::Message;
use super::notice::{self, Notice};

/// Linux and the BSDs watch single directories, which is what keeps us out of `target/`. macOS and Windows watch a whole tree at the cost of one
/// directory, and there each further watch would be dear.
pub(super) const WHOLE_TREE: bool = cfg!(any(target_os = "macos", windows));

/// Windows drops events without a word when its buffer is full.
const LOSES_EVENTS: bool = cfg!(windows);

/// What asks the system to watch a directory.
pub(super) trait Backend: Send {
    fn watch(&mut self, path: &Path) -> notify::Result<()>;
    fn unwatch(&mut self, path: &Path) -> notify::Result<()>;
}

/// Makes one that reports to that inbox.
pub(super) type Connect = Box<dyn FnOnce(mpsc::Sender<Message>) -> notify::Result<Box<dyn Backend>>>;

struct System(notify::RecommendedWatcher);

impl Backend for System {
    fn watch(&mut self, path: &Path) -> notify::Result<()> {
        self.0.watch(path, if WHOLE_TREE { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive })
    }

    fn unwatch(&mut self, path: &Path) -> notify::Result<()> {
        self.0.unwatch(path)
    }
}

/// The system's own way to watch; what it reports comes as messages.
pub(super) fn system(inbox: mpsc::Sender<Message>) -> notify::Result<Box<dyn Backend>> {
    connect(move |event| report(&inbox, event))
}

/// Passes on what the system reported, as far as it is of interest.
pub(super) fn report(inbox: &mpsc::Sender<Message>, event: notify::Result<notify::Event>) {
    if !event.as_ref().is_ok_and(|event| is_reading(event.kind)) {
        // Nobody listens only when all of it is about to go.
        let _ = inbox.send(Message::Event(Instant::now(), event));
    }
}

/// The system's own way to watch; it calls `report` on a thread of its own.
pub(super) fn connect(report: impl FnMut(notify::Result<notify::Event>) + Send + 'static) -> notify::Result<Box<dyn Backend>> {
    // Links are not followed: what they lead to is elsewhere or watched anyway.
    let config = notify::Config::default().with_follow_symlinks(false);
    Ok(Box::new(System(notify::RecommendedWatcher::new(report, config)?)))
}

/// What the system said, without the path, which is told beside it.
fn reason(error: &notify::Error) -> String {
    match &error.kind {
        ErrorKind::Io(error) => error.to_string(),
        _ => error.to_string(),
    }
}

/// A compiler that reads all sources causes thousands of these. The end of writing is of interest: a program that writes to mapped memory causes nothing else.
fn is_reading(kind: EventKind) -> bool {
    matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}

/// See the module's comment.
pub(super) struct Registry {
    backend: Option<Box<dyn Backend>>,
    polled: BTreeSet<PathBuf>,
    refused: BTreeMap<PathBuf, String>,
    no_instance: Option<String>,
    limit_reached: bool,
    /// What was said already is not said again.
    said: BTreeSet<PathBuf>,
    said_limit: bool,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").field("polled", &self.polled).finish_non_exhaustive()
    }
}

impl Registry {
    /// Watches nothing: everything is polled.
    pub(super) fn polling() -> Self {
        Self {
            backend: None,
            polled: BTreeSet::new(),
            refused: BTreeMap::new(),
            no_instance: None,
            limit_reached: false,
            said: BTreeSet::new(),
            said_limit: false,
        }
    }

    /// Asks the system for a way to watch, or falls back to polling.
    pub(super) fn connect(root: &Path, connect: Connect, inbox: mpsc::Sender<Message>) -> Self {
        let mut this = Self::polling();
        let backend = connect(inbox).and_then(|mut backend| if WHOLE_TREE { backend.watch(root).map(|()| backend) } else { Ok(backend) });
        match backend {
            Ok(backend) => this.backend = Some(backend),
            Err(error) => this.no_instance = Some(reason(&error)),
        }
        this
    }

    /// Watches the directory `path`, which is at `place`, or notes that it must be polled. Does no harm to one that is watched.
    pub(super) fn enter(&mut self, path: &Path, place: &Path) {
        let outcome = match &mut self.backend {
            Some(_) if WHOLE_TREE => Ok(()),
            Some(backend) => backend.watch(place),
            None => {
                self.polled.insert(path.to_owned());
                return;
            }
        };
        if outcome.is_ok() && !LOSES_EVENTS {
            self.polled.remove(path);
        } else {
            self.polled.insert(path.to_owned());
        }
        match outcome {
            // One that is gone again is found missing when it is polled.
            Ok(()) | Err(notify::Error { kind: ErrorKind::PathNotFound, .. }) => {}
            Err(notify::Error { kind: ErrorKind::MaxFilesWatch, .. }) => self.limit_reached = true,
            Err(error) => {
                self.refused.insert(path.to_owned(), reason(&error));
            }
        }
    }

    /// Watches the directory `place` outside of what is watched below `root`. Where that cannot be, the caller has to poll.
    pub(super) fn enter_outside(&mut self, root: &Path, place: &Path) {
        if let Some(backend) = &mut self.backend
            && !(WHOLE_TREE && place.starts_with(root))
        {
            // Not worth a message: it only tells sooner of what the next edit brings to light.
            let _ = backend.watch(place);
        }
    }

    /// The directory is gone or no longer of interest.
    pub(super) fn leave(&mut self, path: &Path, place: &Path) {
        self.polled.remove(path);
        self.refused.remove(path);
        if let (Some(backend), false) = (&mut self.backend, WHOLE_TREE) {
            // A directory that is gone has lost its watch already.
            let _ = backend.unwatch(place);
        }
    }

    /// The directories that must be compared again and again.
    pub(super) fn polled(&self) -> &BTreeSet<PathBuf> {
        &self.polled
    }

    /// What came up since the last time; `needed` directories are in the tree.
    pub(super) fn notices(&mut self, needed: usize, every: Duration) -> Vec<Notice> {
        let mut notices = Vec::new();
        if let Some(reason) = self.no_instance.take() {
            notices.push(Notice::Instances { limit: notice::limit("max_user_instances"), reason, every });
        }
        if self.limit_reached && !self.said_limit {
            self.said_limit = true;
            notices.push(Notice::Directories { limit: notice::limit("max_user_watches"), needed, polled: self.polled.len(), every });
        }
        for (path, reason) in std::mem::take(&mut self.refused) {
            if self.said.insert(path.clone()) {
                notices.push(Notice::Directory { path, reason });
            }
        }
        notices
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_is_no_event_but_the_end_of_writing_is() {
        let access = |kind| is_reading(EventKind::Access(kind));
        assert!(access(AccessKind::Open(AccessMode::Any)));
        assert!(access(AccessKind::Close(AccessMode::Read)));
        assert!(access(AccessKind::Any));
        assert!(!access(AccessKind::Close(AccessMode::Write)));
        assert!(!is_reading(EventKind::Any));
    }
}
