//! The guard: a process that a start leaves behind. It restarts services that hang, for as long as the stack runs and nobody is attached with `dev`, and
//! tells somebody when that does not help. The engine itself restarts what ends, but not what hangs.

pub(crate) mod heal;
mod watch;

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use self::watch::{Act, Watch};
use crate::commands;
use crate::engine::containers::{self, Container};
use crate::engine::events::{self, Change, Event};
use crate::health;
use crate::lock::Lock;
use crate::notify::{Kind, Message, Messenger, Wait};
use crate::ports::PROXY;
use crate::process::Invocation;
use crate::project::Project;
use crate::redact::Redactor;
use crate::report::Volume;
use crate::stack::{Resolved, Stack};
use crate::{interrupt, logs};

/// How long to wait before an engine that is gone is asked again; it doubles up to the second one.
const ENGINE_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_ENGINE_PAUSE: Duration = Duration::from_secs(30);
/// How long a restart waits for a command that changes the stack.
const BUSY: Duration = Duration::from_secs(1);
/// So long after the last change the files of the stack are read again.
const CALM: Duration = Duration::from_secs(2);
/// So many log lines are sent with a message.
const LINES: usize = 20;

/// Guards the stack of `project` until it has no container any more, or until interrupted. Ends at once where it has none, and where it is guarded
/// already.
///
/// # Errors
/// When the stack's files are wrong, or the engine does not answer at the begin.
pub(crate) fn run(project: &Project, volume: Volume) -> anyhow::Result<()> {
    let Some(_seat) = Lock::guard(project)? else {
        volume.say(format!("{} is guarded already", project.compose_name()));
        return Ok(());
    };
    let mut pause = ENGINE_PAUSE;
    while !interrupt::requested() {
        match (Guard { project, volume }).follow() {
            Ok(true) => return Ok(()),
            Ok(false) => pause = ENGINE_PAUSE,
            // Whatever it is that does not answer may be back in a while.
            Err(error) => volume.say(format!("{error:#}")),
        }
        // Nobody would ever stop one whose checkout is gone.
        if interrupt::wait(pause) || !project.infra().is_dir() {
            break;
        }
        pause = (pause * 2).min(LONGEST_ENGINE_PAUSE);
    }
    Ok(())
}

/// Whether the stack of `project` has a guard that is at work. One that was stopped (SIGSTOP) keeps its seat and restarts nothing.
pub(crate) fn is_at_work(project: &Project) -> bool {
    Lock::is_guarded(project) && stopped(project).is_none()
}

/// Ends a guard of `project` that was stopped, so that another one can take its seat.
pub(crate) fn end_stopped(project: &Project) {
    let Some(process) = stopped(project) else { return };
    // What cannot be ended stays, and `doctor` says so.
    let _ = Invocation::new("kill").args(["-KILL", &process]).capture();
    let begun = Instant::now();
    while Lock::is_guarded(project) && begun.elapsed() < CALM {
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The process of a guard that was stopped, where the system tells.
fn stopped(project: &Project) -> Option<String> {
    let process = Lock::guard_of(project)?.to_string();
    let state = Invocation::new("ps").args(["-o", "state=", "-p", &process]).capture().ok()?;
    state.stdout.trim_start().starts_with('T').then_some(process)
}

struct Guard<'a> {
    project: &'a Project,
    volume: Volume,
}

/// The stack as its files said when they were read last.
struct Known {
    stack: Stack,
    resolved: Resolved,
    watch: Watch,
}

impl Guard<'_> {
    /// Follows the engine's events to their end; true where there is nothing to guard any more.
    fn follow(&self) -> anyhow::Result<bool> {
        let (send, events) = channel();
        let stream = events::follow(&self.project.compose_name(), {
            let send = send.clone();
            move |event| drop(send.send(event))
        })?;
        interrupt::listen(move || drop(send.send(None)));
        let outcome = self.heed(&events);
        interrupt::listen(|| {});
        stream.kill();
        outcome
    }

    fn read(&self) -> anyhow::Result<Known> {
        let stack = Stack::load(self.project.clone())?;
        let resolved = stack.resolve()?;
        let watch = Watch::new(&resolved.model, stack.environment.guard.restarts.0);
        Ok(Known { stack, resolved, watch })
    }

    fn heed(&self, events: &Receiver<Option<Event>>) -> anyhow::Result<bool> {
        let mut known = self.read()?;
        // A start that makes containers leaves a guard behind when it is done; until then it may find this one here.
        if !Lock::is_changing(self.project) && known.stack.containers()?.is_empty() {
            let (name, flags) = (self.project.compose_name(), self.project.flags());
            self.volume.say(format!("{name} has no containers: there is nothing to guard; `cargo xtask up{flags}` starts it"));
            return Ok(true);
        }
        let mut due: Vec<(Instant, String)> = Vec::new();
        self.look(&mut known, &mut due)?;
        // The files, and what is not well, may be others after somebody else was at work.
        let mut stale: Option<Instant> = None;
        loop {
            let next = due.iter().map(|(at, _)| *at).chain(stale).min();
            let event = match next {
                None => events.recv().ok().flatten(),
                Some(at) => match events.recv_timeout(at.saturating_duration_since(Instant::now())) {
                    Ok(event) => event,
                    Err(RecvTimeoutError::Timeout) => {
                        if stale.is_some_and(|at| at <= Instant::now()) {
                            stale = self.others_at_work().then(|| Instant::now() + CALM);
                            if stale.is_none() {
                                let fresh = self.read()?;
                                (known.stack, known.resolved) = (fresh.stack, fresh.resolved);
                                known.watch.learn(&known.resolved.model, known.stack.environment.guard.restarts.0);
                                self.look(&mut known, &mut due)?;
                            }
                        }
                        self.restart_what_is_due(&mut known, &mut due)?;
                        continue;
                    }
                    Err(RecvTimeoutError::Disconnected) => None,
                },
            };
            let Some(Event { service, id, change, .. }) = event else { return Ok(interrupt::requested()) };
            if change == Change::Removed && known.stack.containers()?.is_empty() {
                self.volume.say("there is nothing to guard any more");
                return Ok(true);
            }
            if self.others_at_work() {
                // What they restart may be restarted as often again.
                known.watch.noted(&service, &id, &change);
                stale = Some(Instant::now() + CALM);
                continue;
            }
            self.heard(&mut known, (&service, &id), &change, &mut due)?;
        }
    }

    /// Whoever changes the stack, or is attached, knows what they do.
    fn others_at_work(&self) -> bool {
        Lock::is_changing(self.project) || Lock::is_attached(self.project)
    }

    /// Finds what is not well already: of that no event tells.
    fn look(&self, known: &mut Known, due: &mut Vec<(Instant, String)>) -> anyhow::Result<()> {
        let unwell = |container: &Container| container.health() == Some("unhealthy");
        let containers = known.resolved.containers.clone();
        let mut unwell = containers.iter().filter(|container| unwell(container));
        unwell.try_for_each(|container| self.heard(known, (container.service(), &container.id), &Change::Unhealthy, due))
    }

    fn heard(
        &self,
        known: &mut Known,
        (service, id): (&str, &str),
        change: &Change,
        due: &mut Vec<(Instant, String)>,
    ) -> anyhow::Result<()> {
        // Several containers of a service that fail together are one try.
        if *change == Change::Unhealthy && due.iter().any(|(_, other)| other == service) {
            return Ok(());
        }
        known.resolved.containers = known.stack.containers()?;
        for act in known.watch.heard(service, id, change, &known.resolved.containers, Instant::now()) {
            match act {
                Act::Restart(service, at) => due.push((at, service)),
                Act::Tell(service, reason) => self.tell(known, &service, &reason),
            }
        }
        Ok(())
    }

    /// Restarts what is due, and still not well.
    fn restart_what_is_due(&self, known: &mut Known, due: &mut Vec<(Instant, String)>) -> anyhow::Result<()> {
        let now = Instant::now();
        let (ripe, later): (Vec<_>, Vec<_>) = std::mem::take(due).into_iter().partition(|(at, _)| *at <= now);
        *due = later;
        for (_, service) in ripe {
            if Lock::is_attached(self.project) {
                continue;
            }
            let turn = Lock::take_if_free(self.project)?;
            // A backup does not keep what hangs from being restarted.
            if turn.is_none() && Lock::is_changing(self.project) {
                due.push((now + BUSY, service));
                continue;
            }
            let containers = known.stack.containers()?;
            let unwell = |container: &&Container| container.health() == Some("unhealthy") && !container.is_examined(&containers);
            for container in containers::of(&containers, &service).filter(unwell) {
                let check = container.last_check().map(|check| check.output.trim().to_owned()).unwrap_or_default();
                self.volume.say(format!("{} {service} is unhealthy and is restarted: {check}", stamp()));
                known.watch.restarts(&service);
                let output = commands::engine::restart_at_once(&container.id).capture()?;
                if output.code != 0 {
                    known.watch.could_not_restart(&service);
                    self.volume.say(format!("{} {service} cannot be restarted: {}", stamp(), output.stderr.trim()));
                }
            }
        }
        Ok(())
    }

    /// Tells somebody, once, and goes on whether or not that works.
    fn tell(&self, known: &Known, service: &str, reason: &str) {
        self.volume.say(format!("{} {service}: {reason}; restarts did not help", stamp()));
        // They may have been edited since the guard was started.
        let fresh = Stack::load(self.project.clone()).map(|stack| stack.environment.notify);
        let settings = fresh.unwrap_or_else(|_| known.stack.environment.notify.clone());
        if settings.is_silent() {
            return;
        }
        let container = health::unwell(&known.resolved.model, &known.resolved.containers, service);
        let lines = container.map(|container| logs::last(container, LINES)).unwrap_or_default();
        let text = format!("{service}: {reason}; restarts did not help");
        let message = Message::new(self.project, Kind::RestartsExhausted, text).about(service).with(lines);
        let message = message.redacted(&Redactor::of(self.project, Some(&known.resolved.model)));
        let image = known.resolved.model.services.get(PROXY.0).and_then(|service| service.image.clone());
        let (project, volume) = (self.project.clone(), self.volume);
        // Whoever is told may take minutes to answer; what hangs meanwhile does not wait for that.
        std::thread::spawn(move || {
            if let Err(error) = Messenger::new(&settings, &project, image.as_deref(), Wait::Nobody).send(&message) {
                volume.say(format!("{} {error:#}", stamp()));
            }
        });
    }
}

/// The time for a line of the log.
fn stamp() -> String {
    backup::time::rfc3339(backup::time::now())
}
