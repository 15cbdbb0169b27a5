//! What the feed brings. Whatever pages show and the hub does not look at is passed on as it came: fields may be added.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::store::logs::Line;

/// A JSON object.
pub(crate) type Object = Map<String, Value>;

/// How long the text of a problem may be. The first errors are in it; nobody reads more in a browser.
const LONGEST_PROBLEM: usize = 64 * 1024;

/// How long the text of a log line may be.
const LONGEST_LOG: usize = 16 * 1024;

/// One line of the feed.
#[derive(Debug)]
pub(crate) enum Message {
    /// All services as they are now.
    State(Object),
    /// An edit on its way to being served.
    Change { id: i64, change: Object },
    /// Something that a person has to mend.
    Problem { key: String, problem: Object },
    /// It was mended.
    Solved { key: String },
    /// Browsers show something that is out of date.
    Refresh(Object),
    /// A log line of a service.
    Log(Line),
    /// The answer to an action.
    Action { id: u64, answer: Object },
}

/// The field that says what a line is. What is borrowed is not copied: nearly all lines are logs.
#[derive(Deserialize)]
struct Tag<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
}

impl Message {
    /// Reads a line; an error says what is wrong with it.
    pub(crate) fn parse(line: &[u8]) -> Result<Self, String> {
        let wrong = |error: serde_json::Error| format!("the line is not understood: {error}");
        let tag: Tag<'_> = serde_json::from_slice(line).map_err(wrong)?;
        if tag.kind == "log" {
            let mut log: Line = serde_json::from_slice(line).map_err(wrong)?;
            cut(&mut log.text, LONGEST_LOG);
            return Ok(Self::Log(log));
        }
        let mut object: Object = serde_json::from_slice(line).map_err(wrong)?;
        object.remove("type");
        Ok(match &*tag.kind {
            "state" => Self::State(object),
            "refresh" => Self::Refresh(object),
            "change" => Self::Change { id: number(&object)?, change: object },
            "solved" => Self::Solved { key: text(&object, "key")? },
            "action" => Self::Action { id: number(&object)?, answer: object },
            "problem" => {
                if let Some(Value::String(text)) = object.get_mut("text") {
                    cut(text, LONGEST_PROBLEM);
                }
                Self::Problem { key: text(&object, "key")?, problem: object }
            }
            other => return Err(format!("`{other}` is no type of the feed")),
        })
    }
}

fn number<N: TryFrom<i64>>(object: &Object) -> Result<N, String> {
    let id = object.get("id").and_then(Value::as_i64).and_then(|id| N::try_from(id).ok());
    id.ok_or_else(|| "`id` is missing or no number".to_owned())
}

fn text(object: &Object, field: &str) -> Result<String, String> {
    object.get(field).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| format!("`{field}` is missing or no text"))
}

/// Cuts a text at the end of a character, and says so.
fn cut(text: &mut String, longest: usize) {
    if text.len() > longest {
        let left_out = text.len() - text.floor_char_boundary(longest);
        text.truncate(text.floor_char_boundary(longest));
        text.push_str(&format!("… ({left_out} bytes left out)"));
        text.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_is_read() {
        let state = Message::parse(br#"{"type":"state","project":"slipway","services":[],"new":1}"#);
        assert!(matches!(state, Ok(Message::State(state)) if state["new"] == 1 && !state.contains_key("type")));
        let change = Message::parse(br#"{"id":12,"type":"change","phase":"done"}"#);
        assert!(matches!(change, Ok(Message::Change { id: 12, change }) if change["phase"] == "done"));
        let problem = Message::parse(br#"{"type":"problem","key":"compile:backend","text":"\u001b[31mno\u001b[0m"}"#);
        assert!(
            matches!(problem, Ok(Message::Problem { key, problem }) if key == "compile:backend" && problem["text"] == "\u{1b}[31mno\u{1b}[0m")
        );
        assert!(matches!(Message::parse(br#"{"type":"solved","key":"a"}"#), Ok(Message::Solved { key }) if key == "a"));
        assert!(matches!(Message::parse(br#"{"type":"refresh","kind":"page"}"#), Ok(Message::Refresh(_))));
        assert!(matches!(Message::parse(br#"{"type":"action","id":5,"ok":true}"#), Ok(Message::Action { id: 5, .. })));
        let log = Message::parse(
            br#"{"type":"log","at":"2026-01-01T00:00:00.1Z","service":"db","level":null,"request_id":null,"text":"a \"b\""}"#,
        );
        assert!(matches!(log, Ok(Message::Log(log)) if log.text == "a \"b\"" && log.level.is_none()));
    }

    #[test]
    fn what_is_wrong_is_said() {
        let reason = |line: &[u8]| Message::parse(line).unwrap_err();
        assert!(reason(b"hello").starts_with("the line is not understood"));
        assert!(reason(b"\xff").starts_with("the line is not understood"));
        assert_eq!(reason(br#"{"type":"weather"}"#), "`weather` is no type of the feed");
        assert_eq!(reason(br#"{"type":"change","id":"12"}"#), "`id` is missing or no number");
        assert_eq!(reason(br#"{"type":"action","id":-1}"#), "`id` is missing or no number");
        assert_eq!(reason(br#"{"type":"solved"}"#), "`key` is missing or no text");
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let text = "ä".repeat(LONGEST_LOG);
        let line = serde_json::json!({ "type": "log", "at": "", "service": "db", "text": text }).to_string();
        let Ok(Message::Log(log)) = Message::parse(line.as_bytes()) else { panic!("it is a log line") };
        assert_eq!(log.text, format!("{}… ({LONGEST_LOG} bytes left out)", "ä".repeat(LONGEST_LOG / 2)));
    }
}
