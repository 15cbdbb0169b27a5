//! Tasks: the board's list, one task, and what can be done to it.

use reqwest::Method;
use reqwest::header::IF_MATCH;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Backend, BackendError, Caller, Person, checked, encode, exchange};

/// A task.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Task {
    /// Names the task in paths.
    pub id: String,
    /// What is to be done.
    pub title: String,
    /// What else there is to know.
    pub notes: String,
    /// Whether it is done.
    pub status: Status,
    /// Whether only its creator and its assignee see it.
    pub private: bool,
    /// The day it is due, `2026-12-24`.
    pub due_on: Option<String>,
    /// Who does it.
    pub assignee: Option<Person>,
    /// Who wrote it down.
    pub created_by: Option<Person>,
    /// How many files are attached.
    pub attachments: u32,
    /// Grows with every change.
    pub version: u64,
    /// When it was created, RFC 3339.
    pub created_at: String,
    /// When it was last changed, RFC 3339.
    pub updated_at: String,
    /// When it was done, RFC 3339.
    pub completed_at: Option<String>,
}

/// Whether a task is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Still to be done.
    Open,
    /// Done.
    Done,
}

/// One page of tasks: open ones first.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TaskList {
    /// The tasks of this page.
    pub tasks: Vec<Task>,
    /// Leads to the next page, when there is one.
    pub next: Option<String>,
}

/// Counts over all tasks of the team, kept by the worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Stats {
    /// Tasks that are open.
    pub open: u64,
    /// Tasks that are done.
    pub done: u64,
    /// Tasks that were ever created.
    pub created: u64,
    /// When a task was created or done for the last time.
    pub last_activity_at: Option<String>,
    /// When the worker last wrote these counts; absent when it never did.
    pub updated_at: Option<String>,
}

/// Which tasks are shown. Pages and the API write it the same way in their addresses.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Filter {
    /// Words to look for.
    pub q: String,
    /// `open`, `done`, or empty for both.
    pub status: String,
    /// `me`, `none`, somebody's id, or empty for everybody's.
    pub assignee: String,
    /// `overdue`, `today`, `week`, or empty for any day and none.
    pub due: String,
    /// Where a later page of the list begins.
    pub before: String,
}

/// What an edit makes of a task.
#[derive(Debug, Serialize)]
pub struct Edit {
    /// See [`Task`], as the rest.
    pub title: String,
    /// Notes.
    pub notes: String,
    /// The day, or none.
    pub due_on: Option<String>,
    /// The id of the assignee, or none.
    pub assignee_id: Option<String>,
    /// Left out by everybody but the creator, who alone may change it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private: Option<bool>,
}

/// What can be done to a task with one press.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// It is done.
    Complete,
    /// It is not done after all.
    Reopen,
    /// It is not wanted any more.
    Delete,
}

impl Filter {
    /// The same filter without what means nothing: an address that somebody typed shows the board, not an error.
    pub fn cleaned(mut self) -> Self {
        self.q = self.q.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(200).collect();
        for (value, known) in [(&mut self.status, &["open", "done"][..]), (&mut self.due, &["overdue", "today", "week"])] {
            if !known.contains(&value.as_str()) {
                value.clear();
            }
        }
        if checked(&self.assignee).is_err() {
            self.assignee.clear();
        }
        self
    }

    /// Whether anything but the position in the list is asked for.
    pub fn is_active(&self) -> bool {
        [&self.q, &self.status, &self.assignee, &self.due].iter().any(|value| !value.is_empty())
    }

    /// The query of an address: empty, or from its question mark on.
    pub fn query(&self) -> String {
        let pairs = [("q", &self.q), ("status", &self.status), ("assignee", &self.assignee), ("due", &self.due), ("before", &self.before)];
        let pairs: Vec<_> =
            pairs.iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| format!("{name}={}", encode(value))).collect();
        if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
    }
}

impl Backend {
    /// One page of the tasks that the filter lets through.
    pub async fn tasks(&self, filter: &Filter, caller: &Caller) -> Result<TaskList, BackendError> {
        exchange(self.get(&format!("/api/v1/tasks{}", filter.query()), caller)).await
    }

    /// Counts over all tasks.
    pub async fn stats(&self, caller: &Caller) -> Result<Stats, BackendError> {
        exchange(self.get("/api/v1/stats", caller)).await
    }

    /// One task.
    pub async fn task(&self, id: &str, caller: &Caller) -> Result<Task, BackendError> {
        exchange(self.get(&format!("/api/v1/tasks/{}", checked(id)?), caller)).await
    }

    /// Creates a task.
    pub async fn create(&self, title: &str, caller: &Caller) -> Result<Task, BackendError> {
        exchange(self.request(Method::POST, "/api/v1/tasks", caller).json(&json!({ "title": title }))).await
    }

    /// Changes a task, if it still has this version.
    pub async fn edit(&self, id: &str, version: u64, edit: &Edit, caller: &Caller) -> Result<Task, BackendError> {
        let request = self.request(Method::PATCH, &format!("/api/v1/tasks/{}", checked(id)?), caller);
        exchange(request.header(IF_MATCH, format!("\"{version}\"")).json(edit)).await
    }

    /// Completes, reopens or deletes a task. Doing it twice changes nothing.
    pub async fn act(&self, id: &str, verb: Verb, caller: &Caller) -> Result<(), BackendError> {
        let path = format!("/api/v1/tasks/{}", checked(id)?);
        let (method, path) = match verb {
            Verb::Complete => (Method::POST, format!("{path}/complete")),
            Verb::Reopen => (Method::POST, format!("{path}/reopen")),
            Verb::Delete => (Method::DELETE, path),
        };
        exchange::<serde_json::Value>(self.request(method, &path, caller)).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_keeps_what_means_something() {
        let all = |q: &str, status: &str, assignee: &str, due: &str| Filter {
            q: q.to_owned(),
            status: status.to_owned(),
            assignee: assignee.to_owned(),
            due: due.to_owned(),
            before: String::new(),
        };
        assert_eq!(all(" red  &paint ", "open", "me", "week").cleaned().query(), "?q=red%20%26paint&status=open&assignee=me&due=week");
        let nothing = all(" ", "shut", "../x", "soon").cleaned();
        assert!(!nothing.is_active());
        assert_eq!(nothing.query(), "");
    }
}
