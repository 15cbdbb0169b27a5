//! The thread of a watcher: gathers what the system reports, and tells what really changed when it is due.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use notify::EventKind;

use super::debounce::{Debounce, Step, Windows};
use super::ledger::Hint;
use super::notice::Notice;
use super::rules::{Wanted, is_rule};
use super::tree::Tree;
use super::{Batch, Change};

/// What the thread waits for.
#[derive(Debug)]
pub(super) enum Message {
    /// The system reported something at that moment.
    Event(Instant, notify::Result<notify::Event>),
    /// Also this is watched from now on.
    Want(Wanted),
    /// The watcher goes.
    Stop,
}

/// Events that are taken in before the next look at the clock: an endless stream of them must not keep a batch from its end.
const AT_ONCE: usize = 4096;

/// Comparing takes at most one part in so many of a processor's time.
const REST: u32 = 10;

/// See the module's comment.
#[derive(Debug)]
pub(super) struct Engine<Send, Say> {
    tree: Tree,
    debounce: Debounce,
    written: BTreeSet<PathBuf>,
    sweep: bool,
    /// When the first event of a batch was that is looked at once more.
    deferred: Option<Instant>,
    poll_every: Duration,
    next_poll: Instant,
    send: Send,
    say: Say,
}

impl<Send: Fn(Batch), Say: Fn(Notice)> Engine<Send, Say> {
    pub(super) fn new(tree: Tree, windows: Windows, poll_every: Duration, send: Send, say: Say) -> Self {
        let next_poll = Instant::now() + poll_every;
        Self {
            tree,
            debounce: Debounce::new(windows),
            written: BTreeSet::new(),
            sweep: false,
            deferred: None,
            poll_every,
            next_poll,
            send,
            say,
        }
    }

    /// Works until it is told to stop.
    pub(super) fn run(&mut self, inbox: &Receiver<Message>) {
        loop {
            self.tell_notices();
            let now = Instant::now();
            let due = match self.debounce.step(now, || self.tree.lock()) {
                Step::Idle => None,
                Step::Wait(until) => Some(until),
                Step::Release { first, stale_lock } => {
                    if stale_lock && let Some(path) = self.tree.lock_path() {
                        (self.say)(Notice::StaleLock { path });
                    }
                    self.tell(first);
                    continue;
                }
            };
            let polls = !self.tree.registry.polled().is_empty();
            if polls && now >= self.next_poll {
                self.poll(now);
                continue;
            }
            let until = if polls { Some(due.map_or(self.next_poll, |due| due.min(self.next_poll))) } else { due };
            let first = match until {
                None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(until) => inbox.recv_timeout(until.saturating_duration_since(now)),
            };
            let message = match first {
                Ok(message) => message,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            for message in std::iter::once(message).chain(inbox.try_iter().take(AT_ONCE)) {
                match message {
                    Message::Stop => return,
                    Message::Event(at, event) => self.take(at, event),
                    Message::Want(wanted) => {
                        self.tree.want(wanted);
                        self.sweep = true;
                        self.debounce.note(Instant::now());
                    }
                }
            }
        }
    }

    fn take(&mut self, at: Instant, event: notify::Result<notify::Event>) {
        let Some(event) = event.ok().filter(|event| !event.need_rescan()) else {
            // The system lost count, or failed in a way that may have cost events: everything may have changed.
            self.sweep = true;
            self.debounce.note(at);
            return;
        };
        for path in &event.paths {
            if self.tree.decides(path) {
                self.debounce.note(at);
                continue;
            }
            let Ok(path) = path.strip_prefix(self.tree.root()) else { continue };
            if path.as_os_str().is_empty() {
                self.take_root(at, event.kind);
                continue;
            }
            let path = path.to_owned();
            self.note(at, |tree| tree.absorb(&path, event.kind));
        }
    }

    /// Something happened to the root itself, which nothing above it tells.
    fn take_root(&mut self, at: Instant, kind: EventKind) {
        if matches!(kind, EventKind::Remove(_) | EventKind::Modify(notify::event::ModifyKind::Name(_))) {
            self.sweep = true;
            self.debounce.note(at);
        }
    }

    fn note(&mut self, at: Instant, find: impl FnOnce(&mut Tree) -> Vec<PathBuf>) {
        let files = find(&mut self.tree);
        if !files.is_empty() {
            self.written.extend(files);
            self.debounce.note(at);
        }
    }

    fn poll(&mut self, now: Instant) {
        self.note(now, Tree::poll);
        if self.tree.is_decided_anew() {
            self.debounce.note(now);
        }
        let took = now.elapsed();
        self.next_poll = Instant::now() + self.poll_every.max(took * REST);
    }

    /// Compares what may have changed, and tells it if it did.
    fn tell(&mut self, first_event: Instant) {
        let first_event = match self.deferred.take() {
            Some(earlier) => earlier,
            None if self.tree.has_emptied_rule(&self.written) => {
                // Most likely it is being saved. To take it as it is would be to read all of `target/`.
                self.deferred = Some(first_event);
                self.debounce.note(Instant::now());
                return;
            }
            None => first_event,
        };
        let written = std::mem::take(&mut self.written);
        let rescan = std::mem::take(&mut self.sweep) | self.tree.decide() || written.iter().any(|path| is_rule(path));
        let mut changed: Vec<Change> = if rescan {
            self.tree.sweep(&written)
        } else {
            written.iter().filter_map(|path| self.tree.compare(path, Hint::Written)).collect()
        };
        changed.retain(|change| !self.tree.is_old_news(change));
        if changed.iter().any(|change| is_rule(&change.path)) {
            // The rules may have been read a moment before the change that is told now.
            self.sweep = true;
            self.debounce.note(Instant::now());
        }
        if !changed.is_empty() {
            (self.send)(Batch { changed, first_event, decided: Instant::now(), rescan });
        }
    }

    fn tell_notices(&mut self) {
        for notice in self.tree.registry.notices(self.tree.size(), self.poll_every) {
            (self.say)(notice);
        }
    }
}
