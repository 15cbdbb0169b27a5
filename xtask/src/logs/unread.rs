//! Logs that the engine does not have: their logging driver keeps nothing, or sends it elsewhere.

use std::fmt;

use super::source::Origin;
use crate::commands::engine::tail;
use crate::engine::containers::Container;
use crate::process::last_lines;
use crate::report::{Style, paint};

/// What the engine says of every driver that it cannot read. Whether it can depends on more than the driver: it may keep a copy of its own.
const UNREADABLE: &str = "logging driver does not support reading";

/// A log that cannot be read here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unread {
    service: String,
    container: String,
    driver: String,
}

/// Whether `said`, the words of the engine's client, say that this log is elsewhere.
pub(super) fn is_unreadable(said: &str) -> bool {
    said.contains(UNREADABLE)
}

impl Unread {
    /// The log of `container`.
    pub(super) fn of(container: &Container) -> Self {
        Self { service: container.service().to_owned(), container: container.name().to_owned(), driver: container.log_driver().to_owned() }
    }

    /// Whether it is the one that `origin` names.
    pub(super) fn is_of(&self, origin: &Origin) -> bool {
        *origin.container == *self.container
    }

    /// A line that says so.
    pub(crate) fn warning(&self) -> String {
        format!("{} {self}; {}", paint(Style::Warning, "warning:"), self.instead())
    }

    /// What reads it.
    pub(crate) fn instead(&self) -> String {
        let Self { service, container, driver } = self;
        match driver.as_str() {
            "none" => format!("without `logging.driver: none` at `{service}` in the compose files it is kept"),
            "journald" => format!("`journalctl CONTAINER_NAME={container}` reads it"),
            "syslog" => {
                "the syslog server that it is sent to has it (`journalctl -t` or /var/log/syslog, where that is this machine)".to_owned()
            }
            "" => "the place that its logging driver sends it to has it".to_owned(),
            driver => format!(
                "what `{driver}` sends it to has it; without the option `cache-disabled` the engine keeps a copy, which is read here"
            ),
        }
    }
}

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the log of `{}` cannot be read: its logging driver `{}` keeps nothing here", self.service, self.driver)
    }
}

/// The last lines of the log of `container`, or one that says why there are none.
pub(crate) fn last(container: &Container, count: usize) -> Vec<String> {
    let Ok((code, lines)) = tail(&container.id, count).watch(|_| {}) else { return Vec::new() };
    if code != 0 && lines.iter().any(|line| is_unreadable(line)) {
        let unread = Unread::of(container);
        return vec![format!("{unread}; {}", unread.instead())];
    }
    last_lines(&lines.join("\n"), count).into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_reads_it_depends_on_the_driver() {
        let instead = |driver: &str| {
            Unread { service: "cache".to_owned(), container: "slipway-cache-1".to_owned(), driver: driver.to_owned() }.instead()
        };
        assert!(instead("none").contains("`logging.driver: none` at `cache`"));
        assert!(instead("journald").contains("`journalctl CONTAINER_NAME=slipway-cache-1`"));
        assert!(instead("syslog").contains("syslog server"));
        assert!(instead("fluentd").contains("`fluentd`") && instead("fluentd").contains("cache-disabled"));
        assert!(is_unreadable("Error response from daemon: configured logging driver does not support reading") && !is_unreadable("no"));
    }
}
