//! Following logs over restarts and recreations: a child for each container, attached again by the engine's events.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender, SyncSender};
use std::time::Duration;

use super::handle::{Children, Handle, Stopper};
use super::merge::{Ordered as _, batches};
use super::seen::Seen;
use super::source::{Origin, Source};
use super::unread::{Unread, is_unreadable};
use super::{Begin, Line, Stamp};
use crate::commands::engine::{LogOptions, logs};
use crate::engine::containers;
use crate::engine::events::{self, Change, Event};

/// How long it waits before it looks again for what the engine did not say.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often a log that ends without a line, while its container runs, is opened again at once.
const RETRIES: u32 = 3;
/// How many lines wait between the children and whoever takes them: a slow reader makes the children wait, not the memory grow.
const WAITING: usize = 1024;

/// What a follower is told.
pub(super) enum Message {
    /// Something happened to a container.
    Engine(Event),
    /// The stream of events broke.
    EngineSilent,
    /// The log of a container ended.
    Ended {
        /// The container.
        id: String,
        /// What was passed on of it.
        seen: Seen,
        /// It brought a line.
        fresh: bool,
        /// The engine does not have it: reading it again is of no use.
        unreadable: bool,
    },
    /// Nobody wants more.
    Stop,
}

/// Follows the logs of `services` (all when empty) of the Compose project `project`, calling `send` on a thread of its own with the lines of each
/// moment in the order of their times, until it breaks or the handle is stopped or dropped. `missing` is told once of each log that is not here.
///
/// # Errors
/// When the engine does not answer.
pub(crate) fn follow(
    project: &str,
    services: &[String],
    begin: Begin,
    send: impl FnMut(Vec<Line>) -> ControlFlow<()> + Send + 'static,
    missing: impl Fn(Unread) + Send + 'static,
) -> anyhow::Result<Handle> {
    let (messages, receive) = mpsc::channel();
    let stopper = Stopper { messages: messages.clone(), children: Children::default() };
    let (lines, waiting) = mpsc::sync_channel(WAITING);
    let start = if let Begin::At(stamp) = begin { stamp } else { Stamp::now() };
    let mut follower = Follower {
        project: project.to_owned(),
        services: services.to_vec(),
        start,
        children: stopper.children.clone(),
        messages,
        lines: Some(lines),
        missing: Box::new(missing),
        logs: BTreeMap::new(),
        look: false,
        silent: false,
    };
    // Before the containers are listed, so that no start is missed.
    follower.listen()?;
    let found = containers::list(project)?;
    let printer = std::thread::spawn({
        let stopper = stopper.clone();
        move || {
            if batches(&waiting, send).is_break() {
                stopper.stop();
            }
        }
    });
    let thread = std::thread::spawn(move || {
        let ended = follower.before(&found, &begin).map(|()| follower.run(&found, &receive));
        follower.children.stop();
        // The printer ends with the last sender.
        drop((follower, receive));
        printer.join().map_err(|_| anyhow::anyhow!("the thread that takes log lines panicked"))?;
        ended
    });
    Ok(Handle { stopper, thread: Some(thread) })
}

/// The log of one container.
struct Log {
    origin: Origin,
    /// Nothing while a child reads it.
    seen: Option<Seen>,
    /// The container was started since the child began.
    again: bool,
    /// How often in a row it ended without a line.
    idle: u32,
    /// The engine does not have it, for as long as the container is there.
    unreadable: bool,
}

struct Follower {
    project: String,
    services: Vec<String>,
    /// Containers that are new have lines from here on.
    start: Stamp,
    children: Children,
    messages: Sender<Message>,
    /// Gone when the stream has ended.
    lines: Option<SyncSender<Line>>,
    /// Told of logs that are not here.
    missing: Box<dyn Fn(Unread) + Send>,
    /// By the container's id.
    logs: BTreeMap<String, Log>,
    /// Something ended for which the engine gave no reason.
    look: bool,
    /// The stream of events broke.
    silent: bool,
}

impl Follower {
    fn listen(&mut self) -> anyhow::Result<()> {
        let messages = self.messages.clone();
        let stream = events::follow(&self.project, move |event| drop(messages.send(event.map_or(Message::EngineSilent, Message::Engine))))?;
        self.children.add(stream);
        self.silent = false;
        Ok(())
    }

    fn wanted(&self, service: &str) -> bool {
        self.services.is_empty() || self.services.iter().any(|name| name == service)
    }

    /// What was logged before, in exact order; what comes meanwhile follows.
    fn before(&mut self, found: &[containers::Container], begin: &Begin) -> anyhow::Result<()> {
        let found: Vec<containers::Container> = found.iter().filter(|container| self.wanted(container.service())).cloned().collect();
        let begins = if matches!(begin, Begin::At(_)) { self.start } else { Stamp::default() };
        for container in &found {
            let origin = Origin { service: container.service().into(), container: container.name().into() };
            self.logs.insert(
                container.id.clone(),
                Log { origin, seen: Some(Seen::nothing_before(begins)), again: false, idle: 0, unreadable: false },
            );
        }
        if matches!(begin, Begin::At(_)) {
            return Ok(());
        }
        let mut seen: BTreeMap<Arc<str>, (bool, Seen)> = BTreeMap::new();
        let children = self.children.clone();
        let lines = self.lines.clone();
        let missing = super::read(
            &found,
            begin,
            |stream| children.add(stream),
            |at, origin, text| {
                let (any, seen) = seen.entry(origin.container.clone()).or_insert_with(|| (false, Seen::nothing_before(Stamp::default())));
                if !*any {
                    seen.begin_at(at);
                    *any = true;
                }
                // A line that is older than the first one is shown all the same: the engine counted it.
                let _ = seen.is_new(at, text);
                pass(lines.as_ref(), at, origin, text)
            },
        )?;
        for unread in missing {
            self.logs.values_mut().filter(|log| unread.is_of(&log.origin)).for_each(|log| log.unreadable = true);
            (self.missing)(unread);
        }
        for log in self.logs.values_mut() {
            // A log without a line so far begins where this did.
            let (_, seen) = seen.remove(&log.origin.container).unwrap_or_else(|| (true, Seen::nothing_before(self.start)));
            log.seen = Some(seen);
        }
        Ok(())
    }

    fn run(&mut self, found: &[containers::Container], receive: &mpsc::Receiver<Message>) {
        for container in found {
            self.attach(&container.id);
        }
        while !self.children.stopped() {
            let message = if self.look || self.silent {
                receive.recv_timeout(PATIENCE)
            } else {
                receive.recv().map_err(|_| RecvTimeoutError::Disconnected)
            };
            match message {
                Ok(Message::Engine(event)) if event.change == Change::Started && self.wanted(&event.service) => self.started(event),
                Ok(Message::Engine(_)) => {}
                Ok(Message::EngineSilent) => self.silent = true,
                Ok(Message::Ended { id, seen, unreadable: true, .. }) => self.unreadable(&id, seen),
                Ok(Message::Ended { id, seen, fresh, .. }) => self.ended(&id, seen, fresh),
                Err(RecvTimeoutError::Timeout) => {
                    if self.silent {
                        // Where the engine still does not answer, this ends at once, and says so again.
                        let _ = self.listen();
                    }
                    self.logs.values_mut().for_each(|log| log.idle = 0);
                    self.compare();
                }
                Ok(Message::Stop) | Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.lines = None;
    }

    fn started(&mut self, event: Event) {
        match self.logs.get_mut(&event.id) {
            Some(log) if log.seen.is_none() => log.again = true,
            Some(_) => self.attach(&event.id),
            None => {
                let container = if event.name.is_empty() { format!("{}-{}-1", self.project, event.service) } else { event.name };
                self.add(event.id, &event.service, &container);
            }
        }
    }

    fn add(&mut self, id: String, service: &str, container: &str) {
        let origin = Origin { service: service.into(), container: container.into() };
        let seen = Some(Seen::nothing_before(self.start));
        self.logs.insert(id.clone(), Log { origin, seen, again: false, idle: 0, unreadable: false });
        self.attach(&id);
    }

    /// Starts a child that reads the log of container `id` from the last line on, unless one does already.
    fn attach(&mut self, id: &str) {
        let Some(lines) = self.lines.clone() else { return };
        let Some(log) = self.logs.get_mut(id) else { return };
        if log.unreadable {
            return;
        }
        let Some(mut seen) = log.seen.take() else { return };
        log.again = false;
        let options = LogOptions { follow: true, tail: None, since: Some(seen.again_from().to_string()) };
        let Ok((mut source, stream)) = Source::open(&logs(id, &options), log.origin.clone()) else {
            log.seen = Some(seen);
            self.look = true;
            return;
        };
        self.children.add(stream.clone());
        let (messages, id) = (self.messages.clone(), id.to_owned());
        std::thread::spawn(move || {
            let mut fresh = false;
            while source.advance() {
                let (at, text) = (source.at(), source.text());
                if seen.is_new(at, text) {
                    fresh = true;
                    if pass(Some(&lines), at, &source.origin, text).is_break() {
                        stream.kill();
                        break;
                    }
                }
            }
            // The receiver is gone only when the stream was stopped.
            let unreadable = !fresh && source.said().is_some_and(is_unreadable);
            let _ = messages.send(Message::Ended { id, seen, fresh, unreadable });
        });
    }

    /// Nothing of this container can be read; of one that takes its place perhaps.
    fn unreadable(&mut self, id: &str, seen: Seen) {
        let Some(log) = self.logs.get_mut(id) else { return };
        log.seen = Some(seen);
        log.unreadable = true;
        let found = containers::list(&self.project).unwrap_or_default();
        found.iter().filter(|container| container.id == id).for_each(|container| (self.missing)(Unread::of(container)));
    }

    /// The log of a container ends when the container does. Where it did for another reason, it is opened again.
    fn ended(&mut self, id: &str, seen: Seen, fresh: bool) {
        let Some(log) = self.logs.get_mut(id) else { return };
        log.seen = Some(seen);
        log.idle = if fresh { 0 } else { log.idle + 1 };
        if log.again {
            self.attach(id);
        } else if log.idle <= RETRIES {
            self.compare();
        } else {
            self.look = true;
        }
    }

    /// Attaches what runs and is not read, and forgets what is gone.
    fn compare(&mut self) {
        let found = containers::list(&self.project);
        // Where the engine does not answer, it is asked again later.
        self.look = found.is_err();
        let Ok(found) = found else { return };
        self.logs.retain(|id, log| log.seen.is_none() || found.iter().any(|container| container.id == *id));
        for container in found.iter().filter(|container| container.running()) {
            if !self.wanted(container.service()) {
                continue;
            }
            if self.logs.contains_key(&container.id) {
                self.attach(&container.id);
            } else {
                self.add(container.id.clone(), container.service(), container.name());
            }
        }
    }
}

fn pass(lines: Option<&SyncSender<Line>>, at: Stamp, origin: &Origin, text: &[u8]) -> ControlFlow<()> {
    let line = Line { at, service: origin.service.clone(), container: origin.container.clone(), text: text.to_owned() };
    match lines.map(|lines| lines.send(line)) {
        Some(Ok(())) => ControlFlow::Continue(()),
        _ => ControlFlow::Break(()),
    }
}
