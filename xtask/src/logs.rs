//! Log lines of many services as one readable stream.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, IsTerminal as _};

use serde_json::Value;

use crate::process::Stream;
use crate::report::{Style, paint, product};

/// Which lines are shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    /// Those that match.
    pub(crate) grep: Option<regex_lite::Regex>,
}

/// Prints the lines of `docker compose logs` as they come, until the stream ends.
/// On a terminal JSON lines are made readable; elsewhere they stay as they are, for other programs.
///
/// # Errors
/// When the stream cannot be read.
pub(crate) fn print(stream: Stream, filter: &Filter) -> anyhow::Result<()> {
    let pretty = std::io::stdout().is_terminal();
    let mut colours = Colours::default();
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    // A killed child ends the stream; what it wrote last may be half a line, which is no error.
    while reader.read_until(b'\n', &mut line).unwrap_or(0) > 0 {
        // What Compose says about having been stopped is no log line.
        if crate::interrupt::requested() {
            break;
        }
        let text = String::from_utf8_lossy(&line);
        // Compose erases the terminal's line before each of its own, also where there is no terminal.
        let text = text.trim_start_matches("\u{1b}[2K").trim_end_matches(['\n', '\r']);
        if filter.grep.as_ref().is_none_or(|grep| grep.is_match(text)) {
            product(if pretty { colours.render(text) } else { text.to_owned() });
        }
        line.clear();
    }
    Ok(())
}

/// Gives each service a colour of its own, in the order in which they first speak.
#[derive(Default)]
struct Colours {
    services: BTreeMap<String, usize>,
}

impl Colours {
    fn render(&mut self, line: &str) -> String {
        let Some((name, rest)) = line.split_once(" | ") else { return line.to_owned() };
        let name = name.trim();
        let service = name.rsplit_once('-').filter(|(_, number)| number.parse::<u32>().is_ok()).map_or(name, |(service, _)| service);
        let next = self.services.len();
        let colour = *self.services.entry(service.to_owned()).or_insert(next);
        format!("{} {}", paint(Style::Series(colour), &format!("{service:<9}")), readable(rest))
    }
}

/// A JSON log line as `level message key=value …`; any other line as it is.
fn readable(line: &str) -> String {
    let Ok(Value::Object(mut fields)) = serde_json::from_str::<Value>(line) else { return line.to_owned() };
    let mut take = |names: &[&str]| names.iter().find_map(|name| fields.remove(*name)).map(|value| plain(&value));
    let level = take(&["level"]).unwrap_or_default();
    let message = take(&["message", "msg"]).unwrap_or_default();
    // Both stand in front of the line already, or are of no use beside the others.
    let _ = take(&["timestamp", "time"]);
    let _ = take(&["service"]);
    let style = match level.as_str() {
        "ERROR" | "error" => Style::Error,
        "WARN" | "warn" => Style::Warning,
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

    #[test]
    fn json_lines_become_readable() {
        let line = r#"backend-1  | {"timestamp":"2026-01-01T00:00:00Z","level":"INFO","message":"request","service":"backend","method":"GET","status":200,"error":null}"#;
        assert_eq!(Colours::default().render(line), "backend   INFO request method=GET status=200");
    }

    #[test]
    fn other_lines_stay() {
        let mut colours = Colours::default();
        assert_eq!(colours.render("db-1       | LOG:  ready {"), "db        LOG:  ready {");
        assert_eq!(colours.render("no prefix"), "no prefix");
        assert_eq!(colours.render("mail-catcher-2 | [1, 2]"), "mail-catcher [1, 2]");
    }
}
