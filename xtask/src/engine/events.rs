//! The engine's event stream: what happened to which service.

use std::io::BufRead as _;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Deserialize;

use super::containers::DOING;
use crate::commands;
use crate::process::Stream;

/// One change of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// The container.
    pub(crate) id: String,
    /// Its name; empty where the engine does not say it.
    pub(crate) name: String,
    /// Its service.
    pub(crate) service: String,
    /// What happened.
    pub(crate) change: Change,
}

/// What can happen to a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Its main process runs.
    Started,
    /// A health check passed after others had not.
    Healthy,
    /// Too many health checks in a row did not pass.
    Unhealthy,
    /// Somebody wants it to end: a person, or a program.
    Asked,
    /// Its main process ended with this exit code.
    Exited(i64),
    /// The engine has stopped it, with whatever signal, because it was asked to.
    Stopped,
    /// One of its processes was ended for want of memory.
    Starved,
    /// It goes on after a pause.
    Unpaused,
    /// It is gone.
    Removed,
    /// A one-off container that is labelled with this, what it does, ended well.
    Did(String),
}

/// One line of `docker events --format json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Line {
    pub(super) action: String,
    pub(super) actor: Actor,
}

/// What a line is about.
#[derive(Deserialize)]
pub(super) struct Actor {
    #[serde(rename = "ID")]
    pub(super) id: String,
    #[serde(rename = "Attributes", default)]
    attributes: std::collections::BTreeMap<String, String>,
}

impl Line {
    /// Reads one; nothing where it is none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Of the main process that has ended; -1 where the line does not say it.
    pub(super) fn exit_code(&self) -> i64 {
        self.attribute("exitCode").parse().unwrap_or(-1)
    }

    fn attribute(&self, name: &str) -> &str {
        self.actor.attributes.get(name).map_or("", String::as_str)
    }
}

/// Reads a line; those about anything else than containers of services give nothing.
fn parse(line: &str) -> Option<Event> {
    let line = Line::parse(line)?;
    let attribute = |name: &str| line.attribute(name);
    let one_off = attribute("com.docker.compose.oneoff") == "True";
    let change = match line.action.as_str() {
        "die" if one_off && line.exit_code() == 0 && !attribute(DOING).is_empty() => Change::Did(attribute(DOING).to_owned()),
        _ if one_off => return None,
        "start" => Change::Started,
        "health_status: healthy" => Change::Healthy,
        "health_status: unhealthy" => Change::Unhealthy,
        // Other signals are messages: nginx reads its files anew.
        "kill" if ["2", "3", "9", "15"].contains(&attribute("signal")) => Change::Asked,
        "die" => Change::Exited(line.exit_code()),
        "stop" => Change::Stopped,
        "oom" => Change::Starved,
        "unpause" => Change::Unpaused,
        "destroy" => Change::Removed,
        _ => return None,
    };
    let service = attribute("com.docker.compose.service").to_owned();
    let name = attribute("name").to_owned();
    (!service.is_empty()).then_some(Event { id: line.actor.id, name, service, change })
}

/// Follows the project's events from now on, calling `send` with each on a thread of its own, until the returned stream is killed or the engine goes;
/// then with nothing.
///
/// # Errors
/// When `docker events` cannot be started.
pub(crate) fn follow(project: &str, send: impl Fn(Option<Event>) + Send + 'static) -> anyhow::Result<Stream> {
    // The time is named so that nothing is missed between here and the moment the engine answers.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let stream = commands::engine::events(project, &format!("{:.3}", now.as_secs_f64())).stream()?;
    let lines = std::io::BufReader::new(stream.clone()).lines();
    std::thread::spawn(move || {
        lines.map_while(Result::ok).filter_map(|line| parse(&line)).for_each(|event| send(Some(event)));
        send(None);
    });
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(action: &str, extra: &str) -> String {
        format!(
            r#"{{"status":"{action}","Type":"container","Action":"{action}","Actor":{{"ID":"c1","Attributes":{{"com.docker.compose.service":"db"{extra}}}}},"timeNano":5}}"#
        )
    }

    #[test]
    fn changes_are_read() {
        let read = |action: &str, extra: &str| parse(&line(action, extra)).map(|event| event.change);
        assert_eq!(read("start", ""), Some(Change::Started));
        assert_eq!(read("health_status: healthy", ""), Some(Change::Healthy));
        assert_eq!(read("health_status: unhealthy", ""), Some(Change::Unhealthy));
        assert_eq!(read("die", r#","exitCode":"137""#), Some(Change::Exited(137)));
        assert_eq!(read("destroy", ""), Some(Change::Removed));
        let one_off = r#","com.docker.compose.oneoff":"True","slipway.doing":"revert""#;
        assert_eq!(read("die", &format!(r#"{one_off},"exitCode":"0""#)), Some(Change::Did("revert".to_owned())));
        assert_eq!(read("die", &format!(r#"{one_off},"exitCode":"1""#)), None);
        let others = ["stop", "oom", "unpause"].map(|action| read(action, ""));
        assert_eq!(others, [Some(Change::Stopped), Some(Change::Starved), Some(Change::Unpaused)]);
        assert_eq!(read("kill", r#","signal":"15""#), Some(Change::Asked));
        assert_eq!(read("kill", r#","signal":"1""#), None);
    }

    #[test]
    fn other_lines_are_passed_over() {
        for other in
            [line("exec_start: pg_isready", ""), line("start", r#","com.docker.compose.oneoff":"True""#), "warning: text".to_owned()]
        {
            assert_eq!(parse(&other), None, "{other}");
        }
    }
}
