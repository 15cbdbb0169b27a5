//! Drives a start: creates what is missing, then lets the engine's events move the state machine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::{Duration, Instant};

use super::failure::{self, Evidence};
use super::machine::{Entry, Phase, Startup};
use super::path;
use super::undo::Before;
use crate::commands;
use crate::engine::containers::Container;
use crate::engine::events::{self, Change, Event};
use crate::process::{Output, Stream, last_lines};
use crate::progress::Progress;
use crate::report::{Failure, Interrupted, Style, Volume, human, paint};
use crate::stack::{Resolved, Stack};
use crate::terminal::readable_bytes;
use crate::{interrupt, logs};

/// Without an event for so long, the containers' state is read once: an event stream can be cut, and then nothing would ever come.
const QUIET: Duration = Duration::from_secs(2);

/// How long an interrupted start waits for the engine to finish starting a container.
const SETTLE: Duration = Duration::from_secs(10);

/// How a start is done.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// How long it may take in all.
    pub(crate) limit: Duration,
    /// How much is said.
    pub(crate) volume: Volume,
    /// Tasks that are done and run again.
    pub(crate) again: BTreeSet<String>,
}

enum Message {
    Engine(Event),
    /// The builder wrote a line.
    Built(String),
    /// `docker container start` came back for this container of this service.
    Returned(String, String, anyhow::Result<Output>),
    Interrupted,
}

/// Creates and starts `services` of `stack`, and what they need; returns when all of them are ready.
///
/// # Errors
/// When one of them cannot start or is late; when interrupted, after everything this start made is gone again.
pub(crate) fn start(stack: &Stack, resolved: &Resolved, services: &BTreeSet<String>, options: Options) -> anyhow::Result<()> {
    let begin = Instant::now();
    let before = Before::read(stack)?;
    let (send, receive) = mpsc::channel();
    let follow = events::follow(&stack.project.compose_name(), {
        let send = send.clone();
        // The receiver is gone only when the start is over.
        move |event| {
            // Without events the state is read again and again.
            if let Some(event) = event {
                let _ = send.send(Message::Engine(event));
            }
        }
    })?;
    interrupt::listen({
        let send = send.clone();
        move || drop(send.send(Message::Interrupted))
    });
    let volume = options.volume;
    let started = create(resolved, services, volume).and_then(|()| {
        let containers = stack.containers()?;
        resolved.remember(&containers, services)?;
        let startup = Startup::new(&resolved.model, services, &containers, &options.again);
        let ids = containers.iter().map(|container| container.id.clone()).collect();
        let ended = containers.into_iter().filter(|container| !container.running());
        let builder = resolved.model.develop.as_ref().map(|develop| develop.builder.clone());
        let last_runs = ended.map(|container| (container.id, container.state.started_at)).collect();
        let told = BTreeSet::new();
        Run {
            stack,
            options,
            begin,
            send,
            ids,
            last_runs,
            in_flight: 0,
            startup,
            told,
            builder,
            build_log: None,
            built: String::new(),
            progress: Progress::new(volume),
        }
        .until_ready(&receive)
    });
    follow.kill();
    if interrupt::requested() {
        interrupt::clear();
        if before.replaced(stack)? {
            let flags = stack.project.flags();
            volume.say(format!("containers were being replaced, so the start cannot be undone: `cargo xtask up{flags}` completes it"));
        } else {
            volume.say("undoing what this start made");
            let caches = caches(stack, resolved);
            before.restore(stack, &caches)?;
            // What the engine was about to create when it was asked the first time.
            before.restore(stack, &caches)?;
        }
        return Err(Interrupted.into());
    }
    started
}

/// The volumes in which the builder keeps what it compiled: cargo goes on with half of it, and it costs minutes.
fn caches(stack: &Stack, resolved: &Resolved) -> Vec<String> {
    let builder = resolved.model.develop.as_ref().and_then(|develop| resolved.model.services.get(&develop.builder));
    let names = builder.into_iter().flat_map(|builder| builder.named_volumes());
    names.map(|name| format!("{}_{}", stack.project.compose_name(), name.display())).collect()
}

fn create(resolved: &Resolved, services: &BTreeSet<String>, volume: Volume) -> anyhow::Result<()> {
    let Some(create) = resolved.creation(services) else { return Ok(()) };
    volume.detail(format!("running {create}"));
    let output = create.capture()?;
    match output.code {
        0 => Ok(()),
        _ => {
            let failure = create.failed(&output);
            Err(advice(&output.stderr).into_iter().fold(failure, Failure::hint).into())
        }
    }
}

/// What to do when Compose could not create what it should, as far as its words say it.
fn advice(stderr: &str) -> Option<&'static str> {
    let says = |words: &[&str]| words.iter().any(|word| stderr.contains(word));
    if says(&["available, non-overlapping IPv4 address pool"]) {
        // Docker has about thirty networks' worth by default; an instance takes three.
        Some(
            "the engine has no addresses left for networks: stop instances that you do not need with `cargo xtask down`, \
             or remove unused networks with `docker network prune`",
        )
    } else if says(&["Pool overlaps with other one on this address space"]) {
        Some(
            "another network has addresses of `networks.*.ipam` in the compose files, perhaps that of another instance: \
             `docker network inspect` shows whose; remove `subnet`, or stop the other instance with `cargo xtask down`",
        )
    } else if says(&["bind source path does not exist", "no such file or directory"]) {
        Some("the path is not on this machine; where it is a secret, `cargo xtask secrets list` says which are missing")
    } else if says(&[
        "No such image",
        "pull access denied",
        "failed to resolve",
        "manifest unknown",
        "dial tcp",
        "lookup ",
        "Client.Timeout",
    ]) {
        Some("where no image registry is reachable, `cargo xtask setup` builds the base images")
    } else {
        None
    }
}

struct Run<'a> {
    stack: &'a Stack,
    options: Options,
    begin: Instant,
    send: Sender<Message>,
    /// Of the containers that exist.
    ids: BTreeSet<String>,
    /// When each container that did not run before this start, by id, was started last.
    last_runs: BTreeMap<String, String>,
    /// How many `docker container start` have not come back.
    in_flight: usize,
    startup: Startup,
    /// The services that failed, that all can do without, and of which that was said.
    told: BTreeSet<String>,
    /// The service that compiles, if there is one.
    builder: Option<String>,
    /// What it writes, as long as it is shown.
    build_log: Option<Stream>,
    /// The last line of that.
    built: String,
    progress: Progress,
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.build_log.take().into_iter().for_each(|stream| stream.kill());
    }
}

impl Run<'_> {
    fn until_ready(mut self, receive: &mpsc::Receiver<Message>) -> anyhow::Result<()> {
        loop {
            // The request may have come while Compose created containers.
            if interrupt::requested() {
                self.settle(receive);
                return Ok(());
            }
            self.start_what_may();
            if let Some(service) = self.startup.failed() {
                return Err(failure::failed(&self.startup, service, &self.evidence(service), &self.stack.project.flags()).into());
            }
            self.tell_of_optional();
            if self.startup.complete() {
                self.progress.done();
                self.options.volume.say(self.summary());
                return Ok(());
            }
            let Some(left) = self.left() else { return Err(self.late()) };
            self.show_progress();
            match receive.recv_timeout(left.min(QUIET)) {
                // While Compose replaced a container, the old one's end was an event too.
                Ok(Message::Engine(event)) if !self.startup.knows(&event.service, &event.id) => {}
                Ok(Message::Engine(event)) => self.apply(&event.service, &event.id, &event.change),
                Ok(Message::Built(line)) => self.built = line,
                Ok(Message::Returned(service, id, result)) => self.returned(&service, &id, result),
                // The next round sees it.
                Ok(Message::Interrupted) => {}
                Err(RecvTimeoutError::Timeout) => self.reconcile()?,
                Err(RecvTimeoutError::Disconnected) => anyhow::bail!("the engine's events ended"),
            }
        }
    }

    /// How much of the limit is left. Compiling takes as long as it takes, and shows what it does: it does not count.
    fn left(&self) -> Option<Duration> {
        let builder = self.builder.as_ref().and_then(|builder| self.startup.get(builder)).map(Entry::phase);
        match builder {
            Some(Phase::Starting { .. }) => Some(self.options.limit),
            Some(Phase::Ready { begun: Some(begun), at }) => {
                (self.options.limit + at.saturating_sub(begun)).checked_sub(self.begin.elapsed())
            }
            _ => self.options.limit.checked_sub(self.begin.elapsed()),
        }
    }

    /// Shows what is waited for, and what the builder wrote last.
    fn show_progress(&mut self) {
        let starting = self.startup.services().filter(|(_, entry)| matches!(entry.phase(), Phase::Starting { .. }));
        let names: Vec<&str> = starting.map(|(name, _)| name).collect();
        if names.is_empty() {
            self.progress.done();
        } else {
            self.progress.show(&format!("waiting for {}", names.join(", ")), &self.built);
        }
    }

    /// Shows what the builder does, until it is ready.
    fn show_build(&mut self, id: &str) {
        let (volume, send) = (self.options.volume, self.send.clone());
        // What it says is shown only; a start does not fail for want of it.
        let Ok(stream) = commands::engine::follow_from_start(id).stream() else { return };
        self.build_log = Some(stream.clone());
        std::thread::spawn(move || {
            for line in std::io::BufRead::split(std::io::BufReader::new(stream), b'\n').map_while(Result::ok) {
                let line = readable_bytes(&line);
                volume.detail(&line);
                // The receiver is gone only when the start is over.
                let _ = send.send(Message::Built(line.into_owned()));
            }
        });
    }

    fn start_what_may(&mut self) {
        for (service, id) in self.startup.startable(self.begin.elapsed()) {
            if !self.ids.contains(&id) {
                let reason = "has no container, although Compose should have created one".to_owned();
                self.startup.fail(self.begin.elapsed(), &service, &id, reason);
                continue;
            }
            let invocation = commands::engine::start(&id);
            self.options.volume.detail(format!("running {invocation}"));
            let send = self.send.clone();
            self.in_flight += 1;
            // The receiver is gone only when the start is over.
            std::thread::spawn(move || drop(send.send(Message::Returned(service, id, invocation.capture()))));
        }
    }

    /// Says which services failed that all can do without, once.
    fn tell_of_optional(&mut self) {
        let failed: Vec<String> = self.startup.done_without().filter(|service| !self.told.contains(*service)).map(str::to_owned).collect();
        for service in failed {
            let failure = failure::done_without(&self.startup, &service, &self.evidence(&service), &self.stack.project.flags());
            self.options.volume.say(format!("{} {failure}", paint(Style::Warning, "warning:")));
            self.told.insert(service);
        }
    }

    fn apply(&mut self, service: &str, id: &str, change: &Change) {
        let at = self.begin.elapsed();
        if self.builder.as_deref() == Some(service) {
            match change {
                Change::Started if self.build_log.is_none() => self.show_build(id),
                Change::Healthy => self.build_log.take().into_iter().for_each(|stream| stream.kill()),
                _ => {}
            }
        }
        if self.startup.apply(at, service, id, change)
            && let Some(entry) = self.startup.get(service)
            && let Phase::Ready { begun: Some(begun), at } = entry.phase()
        {
            let word = path::reached(entry.ready_when);
            self.options.volume.say(format!("  {} {service} {word} in {}", paint(Style::Good, "+"), human(at.saturating_sub(begun))));
        }
    }

    /// The engine refused to start a container at all: a port that was taken meanwhile, a missing file.
    fn returned(&mut self, service: &str, id: &str, result: anyhow::Result<Output>) {
        self.in_flight -= 1;
        let reason = match result {
            Ok(output) if output.code == 0 => return,
            Ok(output) => reason(&output.stderr).to_owned(),
            Err(error) => format!("{error:#}"),
        };
        self.startup.fail(self.begin.elapsed(), service, id, format!("the engine refused: {reason}"));
    }

    /// Waits for what the engine is starting: a container that begins to run after its state was read would be left running.
    fn settle(&mut self, receive: &mpsc::Receiver<Message>) {
        while self.in_flight > 0 {
            match receive.recv_timeout(SETTLE) {
                Ok(Message::Returned(..)) => self.in_flight -= 1,
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }

    fn reconcile(&mut self) -> anyhow::Result<()> {
        for container in self.stack.containers()? {
            let change = match (container.state.status.as_str(), container.health()) {
                ("running", Some("healthy")) => Change::Healthy,
                ("running", Some("unhealthy")) => Change::Unhealthy,
                ("running", None) => Change::Started,
                ("exited" | "dead", _) => Change::Exited(container.state.exit_code),
                _ => continue,
            };
            // A container that was told to start a moment ago may still show how its last run ended.
            let last_run = self.last_runs.get(&container.id) == Some(&container.state.started_at);
            if !(last_run && matches!(change, Change::Exited(_))) {
                self.apply(container.service(), &container.id, &change);
            }
        }
        Ok(())
    }

    fn late(&self) -> anyhow::Error {
        let starting = self.startup.services().filter(|(_, entry)| matches!(entry.phase(), Phase::Starting { .. }));
        let evidence: Vec<(String, Evidence)> = starting.map(|(name, _)| (name.to_owned(), self.evidence(name))).collect();
        failure::late(&self.startup, self.options.limit, &evidence, &self.stack.project.flags()).into()
    }

    fn evidence(&self, service: &str) -> Evidence {
        // The container that failed; else the first one.
        let id = self.startup.get(service).and_then(|entry| entry.failed().chain(entry.containers()).next());
        let Some(id) = id.filter(|id| self.ids.contains(*id)) else { return Evidence::default() };
        // What a compiler says takes more room.
        let lines = if self.builder.as_deref() == Some(service) { 100 } else { 20 };
        let containers = self.stack.containers().unwrap_or_default();
        let container = containers.iter().find(|container| container.id == id);
        let check = container.and_then(Container::last_check);
        Evidence {
            last_check: check.map(|check| check.output.trim().to_owned()).filter(|output| !output.is_empty()),
            log: container.map(|container| logs::last(container, lines)).unwrap_or_default(),
        }
    }

    fn summary(&self) -> String {
        let links = path::critical(&self.startup);
        let took = human(self.begin.elapsed());
        let without: Vec<&str> = self.startup.done_without().collect();
        let without = if without.is_empty() { String::new() } else { format!(", without {}", without.join(", ")) };
        if links.is_empty() {
            return format!("{} is ready, after {took}{without}", if without.is_empty() { "everything" } else { "the rest" });
        }
        format!("{}\nready in {took}{without}", path::render(&links))
    }
}

/// What the engine itself said: the client adds a line about what it could not do.
fn reason(stderr: &str) -> &str {
    let engine = stderr.lines().find(|line| line.starts_with("Error response from daemon"));
    engine.or_else(|| last_lines(stderr, 1).first().copied()).unwrap_or("the engine gave no reason")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_fits_what_the_engine_said() {
        let about = |stderr: &str| advice(stderr).unwrap_or("nothing");
        let missing =
            "Error response from daemon: invalid mount config for type \"bind\": bind source path does not exist: /srv/secrets/password";
        assert!(about(missing).starts_with("the path is not on this machine"));
        assert!(about("Error response from daemon: No such image: postgres:17").contains("builds the base images"));
        assert!(
            about("could not find an available, non-overlapping IPv4 address pool among the defaults")
                .starts_with("the engine has no addresses")
        );
        assert_eq!(about("Error response from daemon: something else"), "nothing");
    }
}
