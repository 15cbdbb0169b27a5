//! The lines that xtask exchanges with the builder's agent, the reloaders and the hub: one JSON object each.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::cycle::{Build, Id};

/// What the agent is told.
#[derive(Debug, Serialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ToAgent<'a> {
    /// Build packages; `touched` are the files whose change is the reason, relative to the workspace.
    Build {
        /// Comes back with every answer.
        id: Id,
        /// Their names.
        packages: &'a BTreeSet<String>,
        /// With slashes.
        touched: &'a [String],
    },
    /// Make a build the one that containers start with.
    Promote {
        /// The name of the program.
        program: &'a str,
        /// Where the build is in the containers.
        path: &'a str,
    },
}

/// What the agent says.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) struct FromAgent {
    /// The build that this is about; absent for what is about none.
    pub(crate) id: Option<Id>,
    /// At the beginning.
    pub(crate) hello: Option<AgentHello>,
    /// A message of cargo, as it is.
    pub(crate) cargo: Option<Value>,
    /// A line of cargo for people.
    pub(crate) talk: Option<String>,
    /// A build ended.
    pub(crate) done: Option<Done>,
    /// A build is where containers find it.
    pub(crate) promoted: Option<Value>,
    /// Something was refused.
    pub(crate) error: Option<Refused>,
}

/// What the agent says first.
#[derive(Debug, Deserialize)]
pub(crate) struct AgentHello {
    /// The promoted builds by program.
    #[serde(default)]
    pub(crate) programs: BTreeMap<String, Build>,
}

/// How a build ended.
#[derive(Debug, Deserialize)]
pub(crate) struct Done {
    /// Whether the compiler took it.
    pub(crate) ok: bool,
    /// Whether it was given up for a newer one.
    #[serde(default)]
    pub(crate) cancelled: bool,
    /// How long cargo took.
    #[serde(default)]
    pub(crate) cargo_ms: u64,
    /// The programs of the packages.
    #[serde(default)]
    pub(crate) programs: Vec<Program>,
}

/// A program after a build.
#[derive(Debug, Deserialize)]
pub(crate) struct Program {
    /// Its name.
    pub(crate) program: String,
    /// Where the build is in the containers.
    pub(crate) path: Build,
}

/// Why something was refused.
#[derive(Debug, Deserialize)]
pub(crate) struct Refused {
    /// For people.
    pub(crate) reason: String,
}

/// What a reloader is told.
#[derive(Debug, Serialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ToReloader<'a> {
    /// Run another build on the same socket.
    Swap {
        /// Comes back with the answer.
        id: Id,
        /// Where the build is.
        path: &'a str,
    },
    /// Say what runs.
    Status {},
}

/// What a reloader says.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) struct FromReloader {
    /// The order that this answers.
    pub(crate) id: Option<Id>,
    /// At the beginning.
    pub(crate) hello: Option<ReloaderHello>,
    /// The new process serves.
    pub(crate) ready: Option<Ready>,
    /// The new process does not; the old one goes on.
    pub(crate) failed: Option<NotStarted>,
    /// The process ended by itself.
    pub(crate) exited: Option<Exited>,
}

/// What a reloader says first.
#[derive(Debug, Deserialize)]
pub(crate) struct ReloaderHello {
    /// The build that it runs.
    pub(crate) path: Option<Build>,
}

/// A new process serves.
#[derive(Debug, Deserialize)]
pub(crate) struct Ready {}

/// A new process did not start.
#[derive(Debug, Deserialize)]
pub(crate) struct NotStarted {
    /// For people.
    pub(crate) reason: String,
    /// What it wrote last.
    #[serde(default)]
    pub(crate) output: Vec<String>,
}

/// A process ended by itself.
#[derive(Debug, Deserialize)]
pub(crate) struct Exited {
    /// Absent when a signal ended it.
    pub(crate) code: Option<i32>,
    /// What it wrote last.
    #[serde(default)]
    pub(crate) output: Vec<String>,
    /// `rollback`, `restart` or `gave_up`.
    #[serde(default)]
    pub(crate) next: String,
}

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
    /// `compile`, `migration`, `proxy`, `service`, `panic` or `config`.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_written_as_agreed() {
        let packages = ["backend".to_owned()].into();
        let json = |value: &dyn erased::Json| value.json();
        let build = ToAgent::Build { id: 7, packages: &packages, touched: &["a.rs".to_owned()] };
        assert_eq!(json(&build), r#"{"build":{"id":7,"packages":["backend"],"touched":["a.rs"]}}"#);
        assert_eq!(json(&ToReloader::Swap { id: 3, path: "/p" }), r#"{"swap":{"id":3,"path":"/p"}}"#);
        assert_eq!(json(&ToHub::Solved { key: "compile:x".to_owned() }), r#"{"type":"solved","key":"compile:x"}"#);
    }

    #[test]
    fn answers_are_read() {
        let done: FromAgent = serde_json::from_str(
            r#"{"id":7,"done":{"ok":true,"cancelled":false,"code":0,"cargo_ms":1830,"copy_ms":12,"programs":[{"program":"backend","path":"/srv/bin/.builds/backend-12","fresh":false}]}}"#,
        )
        .expect("valid");
        assert!(done.id == Some(7) && done.done.is_some_and(|done| done.ok && done.programs[0].path.ends_with("-12")));
        let failed: FromReloader = serde_json::from_str(r#"{"id":3,"failed":{"reason":"r","output":["x"],"ms":90}}"#).expect("valid");
        assert_eq!(failed.failed.map(|failed| failed.output), Some(vec!["x".to_owned()]));
    }

    mod erased {
        pub(super) trait Json {
            fn json(&self) -> String;
        }
        impl<T: serde::Serialize> Json for T {
            fn json(&self) -> String {
                serde_json::to_string(self).expect("serialisable")
            }
        }
    }
}
