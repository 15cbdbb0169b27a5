//! What is built when: the newest request first, and the first build of all before anybody asks.
use super::build::{Answer, Build, Done};
use super::programs::Programs;
use super::touch;
use crate::server::{ClientId, Clients, Line};
use serde::Deserialize;
use serde_json::json;
use std::collections::{BTreeSet, VecDeque};
use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::SystemTime;
use tokio::sync::mpsc;

/// What is kept of the first build for clients that come later.
const KEPT: usize = 4096;
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Build {
        id: u64,
        packages: Vec<String>,
        #[serde(default)]
        touched: Vec<PathBuf>,
    },
    Cancel {
        id: u64,
    },
    Promote {
        program: String,
        path: PathBuf,
    },
    Status {},
}

/// A build, asked for or running.
struct Job {
    id: u64,
    /// Nobody asked for the first one: everybody hears of it.
    asker: Option<ClientId>,
    packages: Vec<String>,
    touched: Vec<PathBuf>,
}

/// How far the first build is.
#[derive(Clone, Copy, PartialEq)]
enum Initial {
    Building,
    Built,
    /// Programs that were built before are there.
    Failed,
    /// There are none.
    Hopeless,
}

pub(super) struct Builder {
    workspace: PathBuf,
    packages: Vec<String>,
    marker: PathBuf,
    programs: Programs,
    pub(super) clients: Clients,
    answers: mpsc::Sender<Answer>,
    running: Option<(Job, Build)>,
    waiting: Option<Job>,
    initial: Initial,
    history: VecDeque<Line>,
    last_start: Option<SystemTime>,
}

impl Builder {
    /// Begins with a build of `packages`. What `answers` brings is for [`Builder::pass_on`].
    pub(super) fn new(
        workspace: PathBuf,
        packages: Vec<String>,
        marker: PathBuf,
        programs: Programs,
        clients: Clients,
        answers: mpsc::Sender<Answer>,
    ) -> Self {
        let first = Job { id: 0, asker: None, packages: packages.clone(), touched: Vec::new() };
        let (initial, history) = (Initial::Building, VecDeque::new());
        let mut builder = Builder {
            workspace,
            packages,
            marker,
            programs,
            clients,
            answers,
            running: None,
            waiting: None,
            initial,
            history,
            last_start: None,
        };
        builder.request(first);
        builder
    }

    /// Whether there is nothing that containers could start with.
    pub(super) fn is_hopeless(&self) -> bool {
        self.initial == Initial::Hopeless
    }

    /// Whether a build runs.
    pub(super) fn is_busy(&self) -> bool {
        self.running.is_some()
    }

    /// Gives up what runs and what waits. The end of what runs is still to be passed on.
    pub(super) fn give_up(&mut self) {
        self.waiting = None;
        if let Some((_, build)) = &mut self.running {
            build.cancel();
        }
    }

    /// Does what a client asks for.
    pub(super) fn answer(&mut self, client: ClientId, line: &str) {
        match serde_json::from_str(line) {
            Ok(Request::Status {}) => self.hello(client),
            Ok(Request::Build { packages, .. }) if packages.iter().any(|name| name.is_empty() || name.starts_with('-')) => {
                self.clients.refuse(client, "a package has no proper name");
            }
            Ok(Request::Build { id, packages, touched }) => self.request(Job { id, asker: Some(client), packages, touched }),
            Ok(Request::Cancel { id }) => self.cancel(client, id),
            Ok(Request::Promote { program, path }) => match self.programs.promote(&program, &path) {
                Ok(()) => self.clients.tell_all(&json!({ "promoted": { "program": program, "path": path } }).to_string().into()),
                Err(error) => self.clients.refuse(client, format_args!("{error:#}")),
            },
            Err(error) => self.clients.refuse(client, format_args!("the request is not understood: {error}")),
        }
    }

    fn hello(&mut self, client: ClientId) {
        let initial = match self.initial {
            Initial::Building => "building",
            Initial::Built => "built",
            Initial::Failed | Initial::Hopeless => "failed",
        };
        self.clients.tell(client, &json!({ "hello": { "programs": self.programs.promoted(), "initial": initial } }));
    }

    /// Tells a client that came all that it missed.
    pub(super) fn greet(&mut self, client: ClientId) {
        self.hello(client);
        for line in self.history.clone() {
            self.clients.tell_line(client, line);
        }
    }

    /// The newest request wins: the one that runs ends, and one that waits never begins.
    fn request(&mut self, job: Job) {
        if let Some(older) = self.waiting.replace(job) {
            self.tell_done(&older, &Done::cancelled());
        }
        match &mut self.running {
            Some((_, build)) => build.cancel(),
            None => self.begin(),
        }
    }

    fn cancel(&mut self, client: ClientId, id: u64) {
        let is_meant = |job: &Job| job.id == id && job.asker == Some(client);
        if let Some(job) = self.waiting.take_if(|job| is_meant(job)) {
            self.tell_done(&job, &Done::cancelled());
        }
        // Otherwise it is done already, and its answer on the way.
        if let Some((_, build)) = self.running.as_mut().filter(|(job, _)| is_meant(job)) {
            build.cancel();
        }
    }

    fn begin(&mut self) {
        let Some(mut job) = self.waiting.take() else { return };
        // Always all of them: cargo chooses the features of what they share from what is built together, and another choice compiles all of it anew.
        let packages: BTreeSet<_> = job.packages.drain(..).chain(self.packages.iter().cloned()).collect();
        job.packages.extend(packages);
        let problems = touch::touch(&self.workspace, &job.touched, self.last_start);
        self.last_start = Some(SystemTime::now());
        let build = Build::start(&self.workspace, &job.packages, self.programs.clone(), self.answers.clone());
        self.running = Some((job, build));
        for problem in problems {
            self.pass_on(Answer::Talk(problem));
        }
    }

    /// Passes on what a build says.
    pub(super) fn pass_on(&mut self, answer: Answer) {
        if let Answer::Done(done) = answer {
            return self.finish(&done);
        }
        let Some((job, _)) = &self.running else { return };
        let line: Line = match &answer {
            // Verbatim: it was JSON when it was read.
            Answer::Cargo { message, rendered } => {
                if let Some(rendered) = rendered {
                    log(rendered.trim_end());
                }
                format!("{{\"id\":{},\"cargo\":{message}}}", job.id).into()
            }
            Answer::Talk(text) => {
                log(text);
                json!({ "id": job.id, "talk": text }).to_string().into()
            }
            Answer::Done(_) => return,
        };
        self.tell(job.asker, line);
    }

    fn finish(&mut self, done: &Done) {
        let Some((job, _)) = self.running.take() else { return };
        if self.initial != Initial::Built && done.ok {
            for built in &done.programs {
                if let Err(error) = self.programs.promote(&built.program, &built.path) {
                    log(&format!("error: {error:#}"));
                }
            }
            self.mark();
            self.initial = Initial::Built;
            self.tell_done(&job, done);
            self.history.clear();
        } else {
            if self.initial == Initial::Building && self.waiting.is_none() {
                self.initial = self.without_new_programs();
            }
            self.tell_done(&job, done);
        }
        self.begin();
    }

    /// Containers may start.
    fn mark(&self) {
        if let Err(error) = fs::write(&self.marker, b"built\n") {
            log(&format!("error: `{}` cannot be written: {error}", self.marker.display()));
        }
    }

    /// What is left when the first build failed: the stack starts with older programs, where there are any, and somebody mends the sources meanwhile.
    fn without_new_programs(&self) -> Initial {
        let promoted = self.programs.promoted();
        if !self.packages.iter().all(|package| promoted.contains_key(package)) {
            return Initial::Hopeless;
        }
        log("error: the sources do not compile; the programs that were built before are started");
        self.mark();
        Initial::Failed
    }

    fn tell_done(&mut self, job: &Job, done: &Done) {
        self.tell(job.asker, json!({ "id": job.id, "done": done }).to_string().into());
    }

    fn tell(&mut self, asker: Option<ClientId>, line: Line) {
        match asker {
            Some(client) => self.clients.tell_line(client, line),
            None => {
                if self.history.len() == KEPT {
                    self.history.pop_front();
                }
                self.history.push_back(line.clone());
                self.clients.tell_all(&line);
            }
        }
    }
}

/// Writes to the container's log, for those who follow that alone.
fn log(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}
