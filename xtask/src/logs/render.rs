//! Log lines as people and programs read them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::grep::Grep;
use super::level::{Level, continues, level_of};
use super::source::Origin;
use crate::report::{Style, paint};

/// Which lines are shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    /// Those whose text matches.
    pub(crate) grep: Option<Grep>,
    /// Those of this level and more severe ones; lines without a level count as `info`.
    pub(crate) level: Option<Level>,
    /// The level of the last line of each container: what follows may only say more about it.
    last: BTreeMap<String, Level>,
}

impl Filter {
    /// Lines that match `grep` and are at least of `level`.
    pub(crate) fn new(grep: Option<Grep>, level: Option<Level>) -> Self {
        Self { grep, level, last: BTreeMap::new() }
    }

    /// Whether `text`, the next line of `container`, is shown.
    pub(crate) fn keeps(&mut self, container: &str, text: &str) -> bool {
        if let Some(least) = self.level {
            let level = match self.last.get(container) {
                Some(before) if continues(text) => *before,
                _ => level_of(text).unwrap_or(Level::Info),
            };
            match self.last.get_mut(container) {
                Some(last) => *last = level,
                None => drop(self.last.insert(container.to_owned(), level)),
            }
            if level < least {
                return false;
            }
        }
        self.grep.as_ref().is_none_or(|grep| grep.matches(text))
    }
}

/// Writes lines with their service in front.
#[derive(Debug, Default)]
pub(crate) struct Renderer {
    /// Readable and coloured, for a terminal; otherwise as they are, for other programs.
    pretty: bool,
    /// What all containers' names begin with.
    prefix: String,
    /// The length of the longest name.
    width: usize,
    /// A colour for each service, in the order in which they first speak.
    services: BTreeMap<String, usize>,
}

impl Renderer {
    /// For containers of `project`; `pretty` is for a terminal.
    pub(crate) fn new(project: &str, pretty: bool) -> Self {
        Self { pretty, prefix: format!("{project}-"), ..Self::default() }
    }

    /// Makes room for the name of a container.
    pub(crate) fn expect(&mut self, container: &str) {
        self.width = self.width.max(self.short(container).chars().count());
    }

    fn short<'a>(&self, container: &'a str) -> &'a str {
        container.strip_prefix(&self.prefix).unwrap_or(container)
    }

    /// Appends a line to `out`, with its end.
    pub(crate) fn line(&mut self, origin: &Origin, text: &str, out: &mut String) {
        if self.pretty {
            let next = self.services.len();
            let service = &*origin.service;
            let colour = match self.services.get(service) {
                Some(colour) => *colour,
                None => *self.services.entry(service.to_owned()).or_insert(next),
            };
            out.push_str(&paint(Style::Series(colour), &format!("{service:<9}")));
            out.push(' ');
            out.push_str(&readable(text));
        } else {
            self.expect(&origin.container);
            let name = self.short(&origin.container);
            out.push_str(name);
            // As Compose does it: one more than the longest name.
            out.extend(std::iter::repeat_n(' ', self.width + 1 - name.chars().count()));
            out.push_str(" | ");
            out.push_str(text);
        }
        out.push('\n');
    }
}

/// A JSON log line as `level message key=value …`; any other line as it is.
fn readable(line: &str) -> String {
    let Ok(Value::Object(mut fields)) = serde_json::from_str::<Value>(line) else { return line.to_owned() };
    let mut take = |names: &[&str]| names.iter().find_map(|name| fields.remove(*name)).map(|value| plain(&value));
    let level = take(&["level", "severity"]).unwrap_or_default();
    let message = take(&["message", "msg"]).unwrap_or_default();
    // Both stand in front of the line already, or are of no use beside the others.
    let _ = take(&["timestamp", "time"]);
    let _ = take(&["service"]);
    let style = match level_of(line) {
        Some(Level::Error) => Style::Error,
        Some(Level::Warn) => Style::Warning,
        _ => Style::Faint,
    };
    let rest: Vec<String> = fields
        .iter()
        .filter(|(_, value)| !matches!(value, Value::Null) && *value != "")
        .map(|(key, value)| format!("{key}={}", plain(value)))
        .collect();
    let parts = [paint(style, &level), message, paint(Style::Faint, &rest.join(" "))];
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(pretty: bool, lines: &[(&str, &str, &str)]) -> String {
        let mut renderer = Renderer::new("slipway", pretty);
        let mut out = String::new();
        for (service, container, text) in lines {
            renderer.line(&Origin { service: (*service).into(), container: (*container).into() }, text, &mut out);
        }
        out
    }

    #[test]
    fn json_lines_become_readable() {
        let line = r#"{"timestamp":"2026-01-01T00:00:00Z","level":"INFO","message":"request","service":"backend","method":"GET","status":200,"error":null}"#;
        assert_eq!(rendered(true, &[("backend", "slipway-backend-1", line)]), "backend   INFO request method=GET status=200\n");
    }

    #[test]
    fn other_lines_stay() {
        let lines = [("db", "slipway-db-1", "LOG:  ready {"), ("mail-catcher", "slipway-mail-catcher-2", "[1, 2]")];
        assert_eq!(rendered(true, &lines), "db        LOG:  ready {\nmail-catcher [1, 2]\n");
    }

    #[test]
    fn programs_get_lines_as_they_are_with_names_of_one_width() {
        let lines = [("backend", "slipway-backend-1", r#"{"level":"INFO"}"#), ("db", "slipway-db-1", "ready"), ("x", "other", "")];
        assert_eq!(rendered(false, &lines), "backend-1  | {\"level\":\"INFO\"}\ndb-1       | ready\nother      | \n");
    }

    #[test]
    fn a_level_shows_more_severe_lines_and_what_belongs_to_them() {
        let mut filter = Filter::new(None, Some(Level::Warn));
        let lines = [
            ("db-1", "2026 UTC [1] ERROR:  no such table", true),
            ("web-1", "a line of somebody else", false),
            ("db-1", "2026 UTC [1] STATEMENT:  SELECT", true),
            ("db-1", "\tFROM x", true),
            ("db-1", "2026 UTC [1] LOG:  checkpoint", false),
            ("db-1", "2026 UTC [1] DETAIL:  of the checkpoint", false),
        ];
        for (container, text, kept) in lines {
            assert_eq!(filter.keeps(container, text), kept, "{text}");
        }
        assert!(Filter::new(None, Some(Level::Info)).keeps("x", "of unknown level"));
        let mut both = Filter::new(Some(Grep::new("5..").expect("valid")), Some(Level::Warn));
        assert!(both.keeps("x", r#"{"level":"warn","status":503}"#) && !both.keeps("x", r#"{"level":"info","status":503}"#));
    }
}
