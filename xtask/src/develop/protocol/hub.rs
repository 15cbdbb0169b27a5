//! What the hub is told, and what it says.

use serde::{Deserialize, Serialize};

/// What the hub is told.
#[derive(Clone, Debug, Serialize, PartialEq)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum ToHub {
    /// The whole stack.
    State(Box<State>),
    /// A change and how far it is; the same id again as it goes on.
    Change(Change),
    /// Something is wrong.
    Problem(Problem),
    /// It is not any more.
    Solved {
        /// The problem's key.
        key: String,
    },
    /// Browsers take something anew.
    Refresh {
        /// `style` or `page`.
        kind: &'static str,
        /// What changed.
        paths: Vec<String>,
    },
    /// A line of a log.
    Log(LogLine),
    /// How something that a person asked for ended.
    Action {
        /// Of the question.
        id: u64,
        /// Whether it was done.
        ok: bool,
        /// For people.
        text: String,
    },
}

/// The stack as the page for developers shows it.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub(crate) struct State {
    /// The Compose project.
    pub(crate) project: String,
    /// The environment.
    pub(crate) environment: String,
    /// The instance.
    pub(crate) instance: String,
    /// Where it answers.
    pub(crate) url: String,
    /// The checkout on the host.
    pub(crate) root: String,
    /// Its services.
    pub(crate) services: Vec<Service>,
    /// What a person may ask for.
    pub(crate) actions: Vec<&'static str>,
}

/// One service.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub(crate) struct Service {
    /// Its name.
    pub(crate) name: String,
    /// As the engine has it; `absent` without a container.
    pub(crate) state: String,
    /// As the engine has it; absent without a health check.
    pub(crate) health: Option<String>,
    /// When its process was started; RFC 3339.
    pub(crate) since: Option<String>,
    /// Its last restarts, oldest first.
    pub(crate) restarts: Vec<Restart>,
    /// Whether it ends by itself.
    pub(crate) one_shot: bool,
    /// What it needs.
    pub(crate) depends_on: Vec<String>,
    /// The program that it runs, if it is one that is built here.
    pub(crate) program: Option<String>,
}

/// A restart and its reason.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub(crate) struct Restart {
    /// RFC 3339.
    pub(crate) at: String,
    /// A file that was edited, or what happened.
    pub(crate) cause: String,
}

/// A change and how far it is.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub(crate) struct Change {
    /// Counts changes.
    pub(crate) id: u64,
    /// RFC 3339.
    pub(crate) at: String,
    /// What changed.
    pub(crate) paths: Vec<String>,
    /// How far it is.
    pub(crate) phase: Phase,
    /// From the first event to the decision.
    pub(crate) detect_ms: u64,
    /// The compiler.
    pub(crate) build_ms: Option<u64>,
    /// From the build to the new processes.
    pub(crate) swap_ms: Option<u64>,
    /// The services that run something new.
    pub(crate) what: Vec<String>,
    /// How it ended, in words of its own, for the terminal.
    #[serde(skip)]
    pub(crate) end: Option<String>,
}

/// How far a change is.
#[derive(Clone, Copy, Debug, Serialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Phase {
    /// The compiler runs.
    Building,
    /// New processes start.
    Swapping,
    /// It is live.
    Done,
    /// It is not, and the problem says why.
    Failed,
    /// A newer one took it over.
    Cancelled,
}

/// Something that is wrong.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub(crate) struct Problem {
    /// The same thing has the same key.
    pub(crate) key: String,
    /// `compile`, `migration`, `proxy`, `template`, `service`, `panic` or `config`.
    pub(crate) kind: &'static str,
    /// The service or package that it is about.
    pub(crate) service: String,
    /// One line.
    pub(crate) title: String,
    /// All of it, with colours as a terminal takes them.
    pub(crate) text: String,
    /// Relative to the checkout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) file: Option<String>,
    /// From 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) line: Option<u64>,
    /// From 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) column: Option<u64>,
    /// Opens the place in an editor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) editor: Option<String>,
}

/// A line of a log.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub(crate) struct LogLine {
    /// RFC 3339.
    pub(crate) at: String,
    /// The service.
    pub(crate) service: String,
    /// `ERROR` … `TRACE`.
    pub(crate) level: String,
    /// Of the request that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) request_id: Option<String>,
    /// As it was written.
    pub(crate) text: String,
}

/// What the hub says.
#[derive(Debug, Deserialize)]
pub(crate) struct FromHub {
    /// A person asks for something.
    pub(crate) action: Option<Asked>,
}

/// What a person asks for.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    /// Comes back with the answer.
    pub(crate) id: u64,
    /// One of the state's actions.
    pub(crate) name: String,
    /// What it is about.
    pub(crate) service: Option<String>,
}
