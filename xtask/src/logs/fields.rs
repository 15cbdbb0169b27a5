//! A log line in JSON, as people read it: a message, then `key=value`.

use serde_json::{Map, Value};

use super::level::LEVELS;

/// What a line says elsewhere in its row, or what is of no use beside the time of the engine.
const ELSEWHERE: [&str; 8] = ["timestamp", "time", "@timestamp", "ts", "asctime", "datetime", "service", "fields"];
/// Where loggers put the message.
const MESSAGES: [&str; 3] = ["message", "msg", "event"];
/// Where access logs put what was asked for.
const REQUESTS: [&str; 6] = ["path", "uri", "url", "request_uri", "target", "request"];
/// A longer value is cut: `--raw` has all of it.
const LONGEST: usize = 200;

/// A line of an application.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// What it says; may have several lines.
    pub(super) message: String,
    /// Everything else, as `key=value`.
    pub(super) rest: String,
}

fn object(line: &str) -> Option<Map<String, Value>> {
    let line = line.trim();
    let Value::Object(fields) = line.starts_with('{').then(|| serde_json::from_str(line).ok())?? else { return None };
    Some(fields)
}

/// What a line says; nothing where it is no JSON object.
pub(super) fn said(line: &str) -> Option<Said> {
    let mut fields = object(line)?;
    // As `tracing` nests them.
    if let Some(Value::Object(inner)) = fields.get_mut("fields").map(Value::take) {
        fields.extend(inner);
    }
    let message = MESSAGES.iter().find_map(|name| fields.remove(*name)).map(|value| plain(&value)).unwrap_or_default();
    let hidden = |name: &str| ELSEWHERE.contains(&name) || LEVELS.contains(&name);
    let told = fields.iter().filter(|(name, value)| !hidden(name) && !value.is_null() && *value != "");
    let rest: Vec<String> = told.map(|(name, value)| format!("{}={}", quoted(&Value::from(name.as_str())), quoted(value))).collect();
    Some(Said { message, rest: rest.join(" ") })
}

/// Whether `line` is about a request for something below `path`.
pub(super) fn asks_for(line: &str, path: &str) -> bool {
    let below = |asked: &str| asked.starts_with(path) || asked == path.trim_end_matches('/');
    match object(line) {
        Some(fields) => REQUESTS.iter().filter_map(|name| fields.get(*name)?.as_str()).any(|asked| {
            // `GET /x HTTP/1.1`
            below(asked) || asked.split(' ').nth(1).is_some_and(below)
        }),
        None => ["GET", "HEAD", "POST"].iter().any(|method| line.contains(&format!("\"{method} {path}"))),
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A value that cannot be taken for the next key.
fn quoted(value: &Value) -> String {
    let text = match value {
        Value::String(text) if !text.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '"' | '=')) => text.clone(),
        other => other.to_string(),
    };
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(line: &str) -> (String, String) {
        said(line).map(|said| (said.message, said.rest)).expect("JSON")
    }

    #[test]
    fn loggers_of_many_kinds_are_understood() {
        let lines = [
            r#"{"timestamp":"2026-01-01T00:00:00Z","level":"INFO","message":"request","service":"backend","method":"GET","status":200,"error":null,"q":""}"#,
            r#"{"level":30,"time":1767225600000,"pid":1,"msg":"listening","req":{"id":1,"tags":["a","b"]}}"#,
            r#"{"asctime":"x","levelname":"WARNING","message":"late","name":"django.request"}"#,
            r#"{"@timestamp":"x","log.level":"error","message":"no","ts":1.5,"lvl":"error"}"#,
            r#"{"timestamp":"x","level":"INFO","fields":{"message":"in fields","rows":3},"target":"app","span":{"name":"s"}}"#,
            r#"{"message":{"a":1},"text":"two words","sum":"a=b","quote":"\"","nl":"a\nb","esc":"\u001b[2J"}"#,
            r#"{"answer":42,"a\n12:00:00 b":1}"#,
        ];
        let text: Vec<String> = lines.iter().map(|line| both(line)).map(|(message, rest)| format!("{message} | {rest}")).collect();
        insta::assert_snapshot!(text.join("\n"), @r#"
        request | method=GET status=200
        listening | pid=1 req={"id":1,"tags":["a","b"]}
        late | name=django.request
        no | 
        in fields | rows=3 span={"name":"s"} target=app
        {"a":1} | esc="\u001b[2J" nl="a\nb" quote="\"" sum="a=b" text="two words"
         | "a\n12:00:00 b"=1 answer=42
        "#);
    }

    #[test]
    fn a_long_value_is_cut_and_other_lines_are_none() {
        let (_, rest) = both(&format!(r#"{{"sql":"{}","b":"ü"}}"#, "ü".repeat(500)));
        assert_eq!(rest, format!("b=ü sql={}…", "ü".repeat(LONGEST)));
        for line in ["LOG:  ready {", "[1, 2]", "{\"half\":", "", "\"text\"", "1"] {
            assert_eq!(said(line), None, "{line}");
        }
    }

    #[test]
    fn requests_are_told_by_what_they_ask_for() {
        for line in [
            r#"{"message":"request","path":"/_dev/events"}"#,
            r#"{"uri":"/_dev"}"#,
            r#"{"request":"GET /_dev/events?logs=1 HTTP/1.1"}"#,
            r#"172.18.0.1 - - [01/Jan/2026:00:00:00 +0000] "GET /_dev/ HTTP/1.1" 200 5"#,
        ] {
            assert!(asks_for(line, "/_dev/"), "{line}");
        }
        for line in [r#"{"path":"/_developers","referrer":"http://localhost/_dev/"}"#, r#"{"message":"/_dev/"}"#, "connect to /_dev/", ""] {
            assert!(!asks_for(line, "/_dev/"), "{line}");
        }
    }
}
