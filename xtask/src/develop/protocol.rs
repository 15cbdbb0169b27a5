//! The lines that xtask exchanges with the builder's agent, the reloaders and the hub: one JSON object each.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::cycle::{Build, Id};

mod hub;

pub(crate) use self::hub::*;

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
