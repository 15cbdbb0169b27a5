//! Containers that end beside the loop: whether a person or a command wanted it, told once it is known. Pure.

use std::collections::{BTreeMap, BTreeSet};

/// What the events said so far, by container.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leavers {
    asked: BTreeSet<String>,
    starved: BTreeSet<String>,
    left: BTreeMap<String, Left>,
    /// Services with a container that was stopped, and has not been started since.
    stopped: BTreeSet<String>,
}

/// A container that ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    /// Its service.
    pub(crate) service: String,
    /// The exit code.
    pub(crate) code: i64,
    /// Why it ended.
    pub(crate) why: Why,
    /// What became of it.
    pub(crate) now: Now,
}

/// Why a container ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// It was asked to.
    Asked,
    /// There was no memory for it.
    Starved,
    /// By itself.
    Itself,
}

/// What became of a container that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Now {
    /// It does not run.
    Away,
    /// It runs again.
    Started,
    /// It was removed.
    Removed,
}

impl Leavers {
    /// The container `id` is asked to end.
    pub(crate) fn asked(&mut self, id: &str) {
        self.asked.insert(id.to_owned());
    }

    /// There is no memory for a process of the container `id`.
    pub(crate) fn starved(&mut self, id: &str) {
        self.starved.insert(id.to_owned());
    }

    /// The container `id` of `service` ended.
    pub(crate) fn ended(&mut self, id: &str, service: &str, code: i64) {
        let (asked, starved) = (self.asked.remove(id), self.starved.remove(id));
        let why = match (asked, starved) {
            (true, _) => Why::Asked,
            (false, true) => Why::Starved,
            (false, false) => Why::Itself,
        };
        self.left.insert(id.to_owned(), Left { service: service.to_owned(), code, why, now: Now::Away });
    }

    /// The engine says that it stopped the container `id`: whatever signal that took, it was asked for.
    pub(crate) fn stopped(&mut self, id: &str) {
        if let Some(left) = self.left.get_mut(id) {
            left.why = Why::Asked;
        }
    }

    /// The container `id` of `service` was started.
    pub(crate) fn started(&mut self, id: &str, service: &str) {
        // What it was asked before is over.
        self.asked.remove(id);
        self.stopped.remove(service);
        self.becomes(id, Now::Started);
    }

    /// The container `id` was removed.
    pub(crate) fn removed(&mut self, id: &str) {
        self.asked.remove(id);
        self.becomes(id, Now::Removed);
    }

    fn becomes(&mut self, id: &str, now: Now) {
        if let Some(left) = self.left.get_mut(id) {
            left.now = now;
        }
    }

    /// Whether a container of `service` was stopped and nothing started it since.
    pub(crate) fn is_stopped(&self, service: &str) -> bool {
        self.stopped.contains(service)
    }

    /// What there is to tell, once.
    pub(crate) fn take(&mut self) -> Vec<Left> {
        let left: Vec<Left> = std::mem::take(&mut self.left).into_values().collect();
        let away = left.iter().filter(|left| left.why == Why::Asked && left.now == Now::Away);
        self.stopped.extend(away.map(|left| left.service.clone()));
        left
    }
}

impl Left {
    /// For people who did nothing about it themselves; `flags` lead to the stack.
    pub(crate) fn sentence(&self, flags: &str) -> String {
        let Self { service, code, .. } = self;
        match (self.why, self.now) {
            (Why::Asked, Now::Away) => format!("{service} was stopped; `cargo xtask restart {service}{flags}` starts it"),
            (Why::Asked, Now::Started) => format!("{service} was restarted"),
            (Why::Asked | Why::Itself | Why::Starved, Now::Removed) => format!("{service}: its container was removed"),
            (Why::Starved, _) => format!("its container ended for want of memory (exit code {code})"),
            (Why::Itself, _) => format!("its container ended with exit code {code}"),
        }
    }

    /// Whether that is an error.
    pub(crate) fn is_error(&self) -> bool {
        self.why != Why::Asked && self.now != Now::Removed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told of events such as `kill die 0 stop start`.
    fn told(events: &str) -> Vec<String> {
        let mut leavers = Leavers::default();
        for event in events.split(' ') {
            match event {
                "kill" => leavers.asked("c1"),
                "oom" => leavers.starved("c1"),
                "stop" => leavers.stopped("c1"),
                "start" => leavers.started("c1", "worker"),
                "destroy" => leavers.removed("c1"),
                code => leavers.ended("c1", "worker", code.parse().expect("an exit code")),
            }
        }
        let line = |left: &Left| format!("{}{}", if left.is_error() { "error: " } else { "" }, left.sentence(""));
        leavers.take().iter().map(line).collect()
    }

    #[test]
    fn each_way_to_end_is_told_as_what_it_is() {
        let ways = [
            ("docker stop", "kill 0 stop"),
            ("docker stop, which the program does not heed", "kill kill 137 stop"),
            ("docker stop with a signal of the image's own", "0 stop"),
            ("docker kill", "kill 137"),
            ("docker restart, cargo xtask restart", "kill 0 stop start"),
            ("docker rm -f, down, rebuild", "kill 137 destroy"),
            ("a crash", "1"),
            ("a crash that the engine heals", "1 start"),
            ("an end without an error", "0"),
            ("no memory", "oom 137"),
            ("a process of it had no memory, then it was stopped", "oom kill 0 stop"),
            ("a message that it outlived, then a crash", "kill start 1"),
        ];
        let lines: Vec<String> = ways.iter().map(|(way, events)| format!("{way}: {}", told(events).join(", "))).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn what_was_stopped_is_stopped_until_it_is_started() {
        let mut leavers = Leavers::default();
        leavers.asked("c1");
        leavers.ended("c1", "worker", 0);
        assert!(!leavers.is_stopped("worker"), "it may be a restart");
        leavers.take();
        assert!(leavers.is_stopped("worker") && leavers.take().is_empty());
        leavers.started("c1", "worker");
        assert!(!leavers.is_stopped("worker"));
    }
}
