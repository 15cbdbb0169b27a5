//! Decides which process of the program serves, and what follows when one is ready, or ends.
use crate::exits::Exits;
use crate::output::{now, say};
use crate::process::{Ended, Event, Launcher, Process};
use crate::program;
use crate::server::{self, ClientId, Clients};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::ffi::OsString;
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// A build that ends so soon after its swap is a bad one: the build before it comes back.
const ON_TRIAL: Duration = Duration::from_secs(10);
/// How long a start that nobody waits for any more may take to end.
const UNWANTED: Duration = Duration::from_secs(1);

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Swap { id: u64, path: PathBuf },
    Restart { id: u64 },
    Status {},
}

/// Whom to tell how a start went.
type Asker = (ClientId, u64);

struct Starting {
    process: Process,
    asker: Option<Asker>,
}

struct Serving {
    process: Process,
    ready: Instant,
    since: String,
    /// Whether somebody asked for this build in place of another.
    swapped: bool,
}

/// The processes of a program, and those who ask for others.
pub(crate) struct Supervisor {
    launcher: Launcher,
    clients: Clients,
    program: OsString,
    drain: Duration,
    serving: Option<Serving>,
    starting: Option<Starting>,
    /// Processes that are to end, and since when; nothing for those that never served.
    ending: HashMap<u64, Option<Instant>>,
    /// The build that was ready last, and is not known to be bad.
    good: Option<PathBuf>,
    /// The build before it.
    fallback: Option<PathBuf>,
    /// What was asked for when nothing was good yet.
    asked: Option<PathBuf>,
    exits: Exits,
    retry: Option<Instant>,
}

impl Supervisor {
    /// Nothing runs yet. Each process is given `drain` to end.
    pub(crate) fn new(launcher: Launcher, clients: Clients, program: OsString, drain: Duration) -> Self {
        Supervisor {
            launcher,
            clients,
            program,
            drain,
            serving: None,
            starting: None,
            ending: HashMap::new(),
            good: None,
            fallback: None,
            asked: None,
            exits: Exits::default(),
            retry: None,
        }
    }

    /// Keeps the program running until `stop`, then ends everything.
    pub(crate) async fn supervise(mut self, mut happened: mpsc::UnboundedReceiver<Event>, stop: impl Future<Output = ()>) {
        self.start_again();
        let mut stop = std::pin::pin!(stop);
        loop {
            let retry = self.retry;
            tokio::select! {
                () = &mut stop => break,
                // The launcher keeps the other end.
                Some(event) = happened.recv() => self.handle(event),
                event = self.clients.next() => match event {
                    server::Event::Joined(client) => self.greet(client),
                    server::Event::Said(client, line) => self.answer(client, &line),
                },
                () = sleep_until(retry.unwrap_or_else(Instant::now)), if retry.is_some() => self.start_again(),
            }
        }
        self.end();
        while !self.ending.is_empty() {
            match happened.recv().await {
                Some(Event::Ended(ended)) => self.ended(ended),
                Some(Event::Ready(_)) => {}
                None => break,
            }
        }
        self.clients.close().await;
    }

    fn answer(&mut self, client: ClientId, line: &str) {
        match serde_json::from_str(line) {
            Ok(Request::Status {}) => self.greet(client),
            Ok(Request::Swap { id, path }) => self.swap(path, (client, id)),
            Ok(Request::Restart { id }) => match self.target() {
                Ok(path) => self.swap(path, (client, id)),
                Err(error) => self.tell_failed((client, id), &format!("{error:#}"), &[], Duration::ZERO),
            },
            Err(error) => self.clients.refuse(client, format!("the request is not understood: {error}")),
        }
    }

    fn greet(&mut self, client: ClientId) {
        let serving = self.serving.as_ref();
        let path = serving.map(|serving| serving.process.path.clone()).or_else(|| self.target().ok());
        let state = match (serving, &self.starting) {
            (Some(_), _) => "serving",
            (None, Some(_)) => "starting",
            (None, None) => "down",
        };
        let (pid, since) = (serving.map(|serving| serving.process.pid), serving.map(|serving| &serving.since));
        self.clients.tell(client, &json!({ "hello": { "path": path, "pid": pid, "since": since, "state": state } }));
    }

    /// What should run: nobody asked for anything, or what was asked for failed.
    fn target(&self) -> anyhow::Result<PathBuf> {
        match self.good.clone().or_else(|| self.asked.clone()) {
            Some(path) => Ok(path),
            None => program::find(&self.program),
        }
    }

    fn swap(&mut self, path: PathBuf, asker: Asker) {
        self.exits.clear();
        if let Some(unwanted) = self.starting.take() {
            unwanted.process.stop(UNWANTED);
            self.ending.insert(unwanted.process.number, None);
            if let Some(asker) = unwanted.asker {
                self.tell_failed(asker, "a newer build came", &[], unwanted.process.started.elapsed());
            }
        }
        if self.good.is_none() {
            self.asked = Some(path.clone());
        }
        self.start(path, Some(asker));
    }

    /// Starts what should run, because nothing does.
    fn start_again(&mut self) {
        match self.target() {
            Ok(path) => self.start(path, None),
            Err(error) => self.failed_to_start(None, &format!("{error:#}")),
        }
    }

    fn start(&mut self, path: PathBuf, asker: Option<Asker>) {
        self.retry = None;
        match self.launcher.start(&path) {
            Ok(process) => self.starting = Some(Starting { process, asker }),
            Err(error) => self.failed_to_start(asker, &format!("`{}` cannot be started: {error}", path.display())),
        }
    }

    fn failed_to_start(&mut self, asker: Option<Asker>, reason: &str) {
        if let Some(asker) = asker {
            self.tell_failed(asker, reason, &[], Duration::ZERO);
        }
        let next = self.plan(Duration::ZERO);
        say("ERROR", reason, &json!({ "next": next }));
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Ready(number) => {
                if let Some(starting) = self.starting.take_if(|starting| starting.process.number == number) {
                    self.ready(starting);
                }
            }
            Event::Ended(ended) => self.ended(ended),
        }
    }

    /// A new process accepts connections: it takes over.
    fn ready(&mut self, Starting { process, asker }: Starting) {
        let ms = process.started.elapsed().as_millis() as u64;
        let swapped = asker.is_some() && self.good.as_ref() != Some(&process.path);
        if swapped {
            self.fallback = self.good.replace(process.path.clone());
        } else {
            self.good = Some(process.path.clone());
        }
        self.asked = None;
        let (pid, path) = (process.pid, process.path.clone());
        let serving = Serving { process, ready: Instant::now(), since: now(), swapped };
        if let Some(old) = self.serving.replace(serving) {
            self.retire(&old.process);
        }
        if let Some((client, id)) = asker {
            self.clients.tell(client, &json!({ "id": id, "ready": { "pid": pid, "ms": ms } }));
        }
        self.publish("INFO", "a new process serves", &json!({ "started": { "pid": pid, "path": path } }));
    }

    fn retire(&mut self, process: &Process) {
        process.stop(self.drain);
        self.ending.insert(process.number, Some(Instant::now()));
    }

    fn ended(&mut self, ended: Ended) {
        if let Some(since) = self.ending.remove(&ended.number) {
            if let Some(since) = since {
                let drained = json!({ "pid": ended.pid, "ms": since.elapsed().as_millis() as u64, "killed": ended.killed });
                self.publish("INFO", "the old process has ended", &json!({ "drained": drained }));
            }
        } else if let Some(starting) = self.starting.take_if(|starting| starting.process.number == ended.number) {
            let Some(asker) = starting.asker else { return self.exited(&ended, Duration::ZERO, false) };
            self.tell_failed(asker, &ended.reason, &ended.output, starting.process.started.elapsed());
            if self.serving.is_none() {
                self.plan(Duration::ZERO);
            }
        } else if let Some(serving) = self.serving.take_if(|serving| serving.process.number == ended.number) {
            self.exited(&ended, serving.ready.elapsed(), serving.swapped);
        }
    }

    /// A process ended that nobody had asked to.
    fn exited(&mut self, ended: &Ended, served: Duration, swapped: bool) {
        let fallback = if swapped && served < ON_TRIAL { self.fallback.take() } else { None };
        let next = match &fallback {
            Some(_) => "rollback",
            None => self.plan(served),
        };
        let message = match next {
            "rollback" => format!("the new build {}: the one before it comes back", ended.reason),
            "restart" => format!("the program {}: it is started again", ended.reason),
            _ => format!("the program {}, as so often: it is NOT started again; repair it, the next build starts it", ended.reason),
        };
        let facts = json!({ "pid": ended.pid, "code": ended.code, "signal": ended.signal, "next": next });
        say("ERROR", &message, &json!({ "exited": facts }));
        let mut exited = facts;
        exited["output"] = json!(ended.output);
        self.clients.tell_all(&json!({ "exited": exited }).to_string().into());
        if let Some(path) = fallback {
            self.good = Some(path.clone());
            if self.starting.is_none() {
                self.start(path, None);
            }
        }
    }

    /// Decides when what should run is started again.
    fn plan(&mut self, served: Duration) -> &'static str {
        if self.serving.is_some() || self.starting.is_some() {
            return "restart";
        }
        let now = Instant::now();
        self.retry = self.exits.record(now.into_std(), served).map(|delay| now + delay);
        if self.retry.is_some() { "restart" } else { "gave_up" }
    }

    fn tell_failed(&mut self, (client, id): Asker, reason: &str, output: &[String], elapsed: Duration) {
        let ms = elapsed.as_millis() as u64;
        say("WARN", "a swap failed", &json!({ "failed": { "reason": reason, "ms": ms } }));
        self.clients.tell(client, &json!({ "id": id, "failed": { "reason": reason, "output": output, "ms": ms } }));
    }

    fn publish(&mut self, level: &str, message: &str, event: &Value) {
        say(level, message, event);
        self.clients.tell_all(&event.to_string().into());
    }

    /// Asks everything to end.
    fn end(&mut self) {
        if let Some(starting) = self.starting.take() {
            self.retire(&starting.process);
            if let Some(asker) = starting.asker {
                self.tell_failed(asker, "its container is stopped", &[], starting.process.started.elapsed());
            }
        }
        if let Some(serving) = self.serving.take() {
            self.retire(&serving.process);
        }
    }
}
