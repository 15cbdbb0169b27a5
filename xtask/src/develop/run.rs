//! The loop: everything that happens comes in as a [`Message`]; what it means is decided by `plan` and `cycle`, and done by children and threads.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use super::aside::Aside;
use super::cycle::{Cycle, Id};
use super::files::{Proof, Reloads};
use super::leave::Leavers;
use super::message::{Message, sender};
use super::picture::{self, Restarts};
use super::plan::Planner;
use super::proof;
use super::protocol::{Change, LogLine, ToHub};
use super::sync::Edit;
use super::tell::Tell;
use crate::engine::containers::Container;
use crate::engine::events;
use crate::guard::heal::Healer;
use crate::interrupt;
use crate::logs::{self, Begin, Clock, Facts, Form, Level, Line, Renderer, Stamp};
use crate::process::{Conversation, Stream};
use crate::report::{Failure, Interrupted, Volume};
use crate::stack::{Resolved, Stack};
use crate::statusline;
use crate::watch::{Batch, Options, Watcher};

/// Without anything to do, the loop looks at the clock so often.
const IDLE: Duration = Duration::from_secs(3600);
/// Below this the hub answers, as `proxy/dev` has it.
const PAGES: &str = "/_dev/";

/// Looks at the stack anew and brings it to what its files say; builds images of these services before.
pub(crate) type Again<'a> = dyn Fn(&[String]) -> anyhow::Result<(Stack, Resolved)> + Sync + 'a;

/// What the loop works on.
pub(crate) struct Desk<'a> {
    /// How much is said.
    pub(crate) volume: Volume,
    /// The stack, which is up.
    pub(crate) stack: Stack,
    /// How it is.
    pub(crate) resolved: Resolved,
    /// Tells of edits since before the stack was started.
    pub(crate) watching: Watching,
    /// Brings the stack to what its files say.
    pub(crate) again: &'a Again<'a>,
    /// How log lines are written.
    pub(crate) form: Form,
}

/// Edits, from a moment on.
pub(crate) struct Watching {
    watcher: Watcher,
    send: Sender<Message>,
    receive: Receiver<Message>,
}

/// Begins to watch the checkout at `root`; `poll` compares files again and again instead of asking the system.
///
/// # Errors
/// When nothing can be watched.
pub(crate) fn watch(root: &Path, poll: bool) -> anyhow::Result<Watching> {
    let (send, receive) = mpsc::channel();
    let notice = sender(&send, |notice: crate::watch::Notice| Message::Notice(notice.to_string()));
    let watcher = Watcher::start(root, Options { poll }, sender(&send, Message::Changed), notice)?;
    Ok(Watching { watcher, send, receive })
}

/// Brings edits to where they are used until somebody wants to stop.
///
/// # Errors
/// When the engine cannot be followed, or ends.
pub(crate) fn run(desk: Desk<'_>) -> anyhow::Result<()> {
    let Watching { watcher, send, receive } = desk.watching;
    let events = events::follow(&desk.stack.project.compose_name(), sender(&send, Message::Engine))?;
    let project = desk.stack.project.compose_name();
    let lines = sender(&send, Message::Lines);
    let take = move |found| {
        lines(found);
        ControlFlow::Continue(())
    };
    // Said once for each container: what runs on is not asked again and again.
    let missing = sender(&send, |unread: logs::Unread| Message::Notice(unread.warning()));
    let logs = logs::follow(&project, &[], Begin::At(Stamp::now()), take, missing)?;
    let clock = Clock::local();
    let stop_logs = logs.stopper();
    let result = std::thread::scope(|scope| {
        let planner = super::connect::planner(&desk.stack, &desk.resolved)?;
        let mut work = Loop {
            scope,
            again: desk.again,
            planner,
            cycle: Cycle::default(),
            tell: Tell::new(desk.volume, clock),
            healer: Healer::default(),
            restarts: Restarts::default(),
            volume: desk.volume,
            stack: desk.stack,
            resolved: desk.resolved,
            send,
            events,
            containers: Vec::new(),
            agent: None,
            reloaders: BTreeMap::new(),
            conversations: 0,
            looking: Looking::No,
            changes: 0,
            current: None,
            early: Vec::new(),
            waiting: Vec::new(),
            promoting: 0,
            migration: None,
            errors: BTreeSet::new(),
            talk: Vec::new(),
            due: Vec::new(),
            unwell: BTreeSet::new(),
            fallen: BTreeSet::new(),
            reloads: BTreeMap::new(),
            ruling: BTreeMap::new(),
            unplaced: BTreeMap::new(),
            proofs: BTreeMap::new(),
            aside: Aside::default(),
            leavers: Leavers::default(),
            ours: BTreeSet::new(),
            met: false,
            built_once: false,
            judged: Instant::now(),
            watcher,
            applying: false,
            configure: None,
            renderer: Renderer::new(&project, desk.form, clock),
        };
        work.listen();
        work.watcher.want(work.planner.wanted());
        work.look();
        let result = work.until_interrupted(&receive);
        work.hang_up();
        work.events.kill();
        result
    });
    stop_logs();
    drop(logs);
    interrupt::clear();
    statusline::shared().clear();
    result
}

/// Whether the engine is being asked how the containers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Looking {
    No,
    Yes,
    /// Something happened meanwhile, which the answer may not have.
    Again,
}

/// The change that is under way, with the moments it reached.
pub(super) struct Current {
    pub(super) change: Change,
    pub(super) built: Option<Instant>,
}

pub(super) struct Loop<'scope, 'env> {
    pub(super) scope: &'scope std::thread::Scope<'scope, 'env>,
    pub(super) again: &'env Again<'env>,
    pub(super) planner: Planner,
    pub(super) cycle: Cycle,
    pub(super) tell: Tell,
    pub(super) healer: Healer,
    pub(super) restarts: Restarts,
    pub(super) volume: Volume,
    pub(super) stack: Stack,
    pub(super) resolved: Resolved,
    pub(super) send: Sender<Message>,
    events: Stream,
    pub(super) containers: Vec<Container>,
    /// With the number that its messages carry, as those below.
    pub(super) agent: Option<(u64, Conversation)>,
    pub(super) reloaders: BTreeMap<String, (u64, Conversation)>,
    pub(super) conversations: u64,
    pub(super) looking: Looking,
    pub(super) changes: u64,
    pub(super) current: Option<Current>,
    /// What was edited during the start.
    pub(super) early: Vec<Batch>,
    /// What was edited while programs were being replaced.
    pub(super) waiting: Vec<String>,
    /// How many builds are on the way to where containers find them.
    pub(super) promoting: usize,
    /// The migration that waits for them.
    pub(super) migration: Option<Id>,
    /// The packages that the compiler refused in the build that runs.
    pub(super) errors: BTreeSet<String>,
    /// The last lines that cargo wrote for people in the build that runs.
    pub(super) talk: Vec<String>,
    /// Services whose restart waits for its time.
    pub(super) due: Vec<(Instant, String)>,
    /// Services and their containers that the engine has called unhealthy, and not healthy, started or ended since.
    pub(super) unwell: BTreeSet<(String, String)>,
    /// Services that went back to an older build by themselves and are asked which one it is.
    pub(super) fallen: BTreeSet<String>,
    /// Services that take new files when they are told to.
    pub(super) reloads: BTreeMap<String, Reloads>,
    /// Services for which rules of Compose are being followed, and what came meanwhile.
    pub(super) ruling: BTreeMap<String, BTreeSet<Edit>>,
    /// Files of services that have no container that takes them.
    pub(super) unplaced: BTreeMap<String, BTreeSet<Edit>>,
    /// Services that were started and are not known to be up.
    pub(super) proofs: BTreeMap<String, Proof>,
    /// Containers that ended, until it is known why.
    pub(super) leavers: Leavers,
    /// Containers that the loop itself restarts.
    pub(super) ours: BTreeSet<String>,
    /// Whether the containers were seen once.
    pub(super) met: bool,
    /// Whether the builder was told once to build everything.
    pub(super) built_once: bool,
    /// When the clock last asked for a look at services that were started.
    judged: Instant,
    pub(super) watcher: Watcher,
    /// Whether the stack is being brought to what its files say.
    pub(super) applying: bool,
    /// What has to be brought there next: services whose images are built before.
    pub(super) configure: Option<BTreeSet<String>>,
    renderer: Renderer,
    aside: Aside,
}

impl Loop<'_, '_> {
    fn until_interrupted(&mut self, receive: &Receiver<Message>) -> anyhow::Result<()> {
        loop {
            let judged = self.proofs.values().map(|proof| proof.since + proof::MOMENT).filter(|at| *at > self.judged);
            let wait = self
                .due
                .iter()
                .map(|(at, _)| *at)
                .chain(judged)
                .map(|at| at.saturating_duration_since(Instant::now()))
                .min()
                .unwrap_or(IDLE);
            match receive.recv_timeout(wait) {
                Ok(Message::Interrupted) => return Ok(()),
                Ok(Message::Again(_, Err(error))) if error.is::<Interrupted>() => return Ok(()),
                Ok(Message::Engine(None)) => self.follow_engine()?,
                Ok(message) => self.take(message),
                Err(RecvTimeoutError::Timeout) => {
                    self.restart_what_is_due();
                    if !self.proofs.is_empty() {
                        self.judged = Instant::now();
                        self.look();
                    }
                }
                Err(RecvTimeoutError::Disconnected) => anyhow::bail!("nothing can happen any more"),
            }
        }
    }

    /// The engine's events ended: it has, or only its stream was cut.
    fn follow_engine(&mut self) -> anyhow::Result<()> {
        if let Err(error) = self.stack.containers() {
            return Err(Failure::new("the engine ended")
                .detail(format!("{error:#}"))
                .hint(format!("once `docker info` answers: `cargo xtask dev{}`", self.stack.project.flags()))
                .into());
        }
        self.events = events::follow(&self.stack.project.compose_name(), sender(&self.send, Message::Engine))?;
        self.look();
        Ok(())
    }

    fn take(&mut self, message: Message) {
        match message {
            // Before it is known what runs, nothing can be told what to do.
            Message::Changed(batch) if !self.met => self.early.push(batch),
            Message::Changed(batch) => self.changed(&batch),
            Message::Notice(text) => self.volume.say(text),
            Message::Agent(number, line) => self.agent_said(number, line.as_deref()),
            Message::Reloader(service, number, line) => self.reloader_said(&service, number, line.as_deref()),
            Message::Hub(line) => self.hub_said(line.as_deref()),
            Message::Engine(Some(event)) => self.engine_said(&event),
            Message::Lines(lines) => self.lines(&lines),
            Message::Containers(containers) => self.seen(containers),
            Message::Migrated(id, outcome) => self.migrated(id, outcome),
            Message::Reloaded(service, reloaded) => self.reloaded(&service, reloaded),
            Message::Ruled(service, files, placed) => self.ruled(service, files, placed),
            Message::Down(service, names, reason, said) => self.down(&service, names, &reason, &said),
            Message::Restarted(service, outcome) => self.restarted(&service, outcome),
            Message::Answered(id, outcome) => {
                let (ok, text) = outcome.map_or_else(|reason| (false, reason), |()| (true, String::new()));
                self.tell.hub(&ToHub::Action { id, ok, text });
            }
            Message::Again(services, result) => self.applied(&services, result),
            // Dealt with by the loop.
            Message::Interrupted | Message::Engine(None) => {}
        }
    }

    fn lines(&mut self, lines: &[Line]) {
        let mut out = Vec::new();
        self.aside.look(&self.stack.project).iter().for_each(|text| self.volume.say(text));
        let builder = self.resolved.model.develop.as_ref().map(|develop| develop.builder.clone()).unwrap_or_default();
        for line in lines {
            // What the compiler says is told with the change, once. The page of the loop asks for something with each change.
            let ours = *line.service == *builder || logs::concerns(&line.text, PAGES);
            let text = String::from_utf8_lossy(&line.text).into_owned();
            let Facts { level, request_id } = Facts::of(&text);
            let model = &self.resolved.model;
            let is_database = || model.servers(&model.data()).contains(&*line.service);
            if self.volume == Volume::Verbose || !(ours || self.aside.takes(line.at, &line.service, level, is_database)) {
                self.renderer.line(line.at, &line.origin(), &line.text, &mut out);
            }
            if level == Some(Level::Error) {
                self.page_failed(&line.service, &line.at, &text);
            }
            self.tell.hub(&ToHub::Log(LogLine {
                at: line.at.to_string(),
                service: line.service.to_string(),
                level: level.unwrap_or(Level::Info).name().to_owned(),
                request_id,
                text,
            }));
        }
        // Where nobody reads any more, the loop goes on.
        let _ = self.renderer.print(&out);
    }

    /// Shows how the stack is now.
    pub(super) fn paint(&mut self) {
        let state = picture::state(&self.stack.project, &self.resolved, &self.containers, &self.restarts);
        self.tell.state(state);
    }
}
