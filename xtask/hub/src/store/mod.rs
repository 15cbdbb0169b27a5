//! What the hub knows: the last state, open problems, the last changes, log lines; and who wants to hear of news.

mod actions;
mod changes;
pub(crate) mod events;
pub(crate) mod logs;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde_json::{Value, json};
use tokio::sync::{broadcast, mpsc, watch};

pub(crate) use self::actions::{Outcome, Refusal};
use self::changes::Changes;
use self::events::Event;
use self::logs::{Filter, Logs};
use crate::feed::message::{Message, Object};

/// How many events wait for a browser; one that is further behind is dropped.
const WAITING: usize = 128;

/// How many problems are kept; of more, the oldest is left out.
const PROBLEMS: usize = 100;

/// What the hub knows. Shared by everything; nothing is waited for while it is locked.
#[derive(Debug)]
pub(crate) struct Store {
    known: Mutex<Known>,
    events: broadcast::Sender<Event>,
    lines: watch::Sender<u64>,
}

#[derive(Debug)]
struct Known {
    state: Option<Object>,
    /// In the order in which they came.
    problems: Vec<(String, Object)>,
    changes: Changes,
    logs: Logs,
    /// When pages last had to be read again: whoever was away, or was read in that moment, learns from it that it is out of date.
    refreshed: Option<Instant>,
    /// Counts feeds.
    feed: u64,
    actions: actions::Actions,
}

impl Store {
    pub(crate) fn new() -> Self {
        let known = Known {
            state: None,
            problems: Vec::new(),
            changes: Changes::default(),
            logs: Logs::default(),
            refreshed: None,
            feed: 0,
            actions: actions::Actions::default(),
        };
        Self { known: Mutex::new(known), events: broadcast::channel(WAITING).0, lines: watch::channel(0).0 }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells everybody. The lock is held meanwhile, so that what somebody heard at first and what follows fit together.
    fn tell(&self, _known: &MutexGuard<'_, Known>, event: Event) {
        // An error means that nobody listens.
        let _ = self.events.send(event);
    }

    /// A feed is there and takes lines. It knows nothing of the problems that an older one told.
    pub(crate) fn attach(&self, sender: mpsc::Sender<String>) {
        let mut known = self.known();
        known.feed += 1;
        known.actions.attach(sender);
        self.solve_all(&mut known);
        self.tell(&known, Event::new("attached", &json!({})));
    }

    fn solve_all(&self, known: &mut MutexGuard<'_, Known>) {
        for (key, _) in std::mem::take(&mut known.problems) {
            self.tell(known, Event::new("solved", &json!({ "key": key })));
        }
    }

    /// The feed is gone. Nobody would say when its problems are solved.
    pub(crate) fn detach(&self) {
        let mut known = self.known();
        known.actions.detach();
        self.solve_all(&mut known);
        for change in known.changes.cancel() {
            self.tell(&known, Event::new("change", &change));
        }
        self.tell(&known, Event::new("detached", &json!({})));
    }

    /// Takes what the feed says.
    pub(crate) fn take(&self, message: Message) {
        let mut known = self.known();
        match message {
            Message::Log(line) => {
                known.logs.push(line);
                self.lines.send_replace(known.logs.count());
            }
            Message::State(state) => {
                self.tell(&known, Event::new("state", &state));
                known.state = Some(state);
            }
            Message::Change { id, change } => {
                let feed = known.feed;
                let change = known.changes.put(feed, id, change).clone();
                if swapped(&change) {
                    known.refreshed = Some(Instant::now());
                }
                self.tell(&known, Event::new("change", &change));
            }
            Message::Problem { key, problem } => {
                self.tell(&known, Event::new("problem", &problem));
                match known.problems.iter_mut().find(|(other, _)| *other == key) {
                    Some((_, known)) => *known = problem,
                    None => known.problems.push((key, problem)),
                }
                if known.problems.len() > PROBLEMS {
                    let (oldest, _) = known.problems.remove(0);
                    self.tell(&known, Event::new("solved", &json!({ "key": oldest })));
                }
            }
            Message::Solved { key } => {
                known.problems.retain(|(other, _)| *other != key);
                self.tell(&known, Event::new("solved", &json!({ "key": key })));
            }
            Message::Refresh(refresh) => {
                if refresh.get("kind").is_some_and(|kind| kind == "page") {
                    known.refreshed = Some(Instant::now());
                }
                self.tell(&known, Event::new("refresh", &refresh));
            }
            Message::Action { id, answer } => known.actions.answer(id, &answer),
        }
    }

    /// All that is known, as events, and those that follow.
    pub(crate) fn listen(&self) -> (Vec<Event>, broadcast::Receiver<Event>) {
        let known = self.known();
        // Not a moment but how long ago it was: clocks of containers and browsers may differ.
        let refreshed = known.refreshed.map(|moment| u64::try_from(moment.elapsed().as_millis()).unwrap_or(u64::MAX));
        let mut events = vec![Event::new("hello", &json!({ "refreshed_ms_ago": refreshed }))];
        events.extend(known.state.iter().map(|state| Event::new("state", state)));
        events.extend(known.problems.iter().map(|(_, problem)| Event::new("problem", problem)));
        events.push(Event::new(if known.actions.attached() { "attached" } else { "detached" }, &json!({})));
        events.push(Event::new("changes", known.changes.all()));
        (events, self.events.subscribe())
    }

    /// Changes when there are new log lines.
    pub(crate) fn lines(&self) -> watch::Receiver<u64> {
        self.lines.subscribe()
    }

    /// Some log lines from `next` on, as an event, and the number of the line that follows them.
    pub(crate) fn lines_from(&self, next: u64, most: usize) -> Option<(Event, u64)> {
        let known = self.known();
        let batch = known.logs.from(next, most)?;
        let following = batch.lines.last().map_or(next, |line| line.n + 1);
        Some((Event::new("logs", &batch), following))
    }

    /// The newest log lines that pass a filter.
    pub(crate) fn search(&self, filter: &Filter, most: usize) -> Value {
        let known = self.known();
        json!({ "lines": known.logs.search(filter, most), "count": known.logs.count() })
    }

    /// How many browsers follow the events.
    pub(crate) fn browsers(&self) -> usize {
        self.events.receiver_count()
    }

    /// What the hub says about itself.
    pub(crate) fn health(&self) -> Value {
        let known = self.known();
        let (browsers, attached) = (self.browsers(), known.actions.attached());
        json!({ "status": "ok", "attached": attached, "browsers": browsers, "feeds": known.feed, "log_lines": known.logs.count(), "log_bytes": known.logs.bytes() })
    }
}

/// Whether programs were swapped, so that pages show what older ones said.
fn swapped(change: &Object) -> bool {
    change.get("phase").is_some_and(|phase| phase == "done") && change.get("swap_ms").is_some_and(Value::is_number)
}
