//! How severe a log line is, and which request it belongs to: from JSON fields, or from the words that known programs write.

use serde::Deserialize;
use serde_json::Value;

/// The severity of a line, the least severe first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Level {
    /// Everything.
    Trace,
    /// What a developer needs.
    Debug,
    /// What an operator needs.
    Info,
    /// What may need attention.
    Warn,
    /// What needs attention.
    Error,
}

impl Level {
    /// Its name, as our services write it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        }
    }

    /// The level in a field of a JSON line.
    pub(super) fn read(value: &Value) -> Option<Self> {
        match value {
            Value::String(name) => Self::named(name).or_else(|| name.parse().ok().map(Self::numbered)),
            Value::Number(number) => number.as_u64().map(Self::numbered),
            _ => None,
        }
    }

    /// As loggers of Node.js count, from 10 on; the smaller ones are those of syslog.
    fn numbered(number: u64) -> Self {
        match number {
            0..=3 => Self::Error,
            4 => Self::Warn,
            5 | 6 => Self::Info,
            7 => Self::Debug,
            8..20 => Self::Trace,
            20..30 => Self::Debug,
            30..40 => Self::Info,
            40..50 => Self::Warn,
            _ => Self::Error,
        }
    }

    /// The level with this name, in any case and by any of the usual words.
    fn named(word: &str) -> Option<Self> {
        const WORDS: [(&str, Level); 24] = [
            ("trace", Level::Trace),
            ("trc", Level::Trace),
            ("dbg", Level::Debug),
            ("inf", Level::Info),
            ("wrn", Level::Warn),
            ("ftl", Level::Error),
            ("debug", Level::Debug),
            ("verbose", Level::Debug),
            ("info", Level::Info),
            ("information", Level::Info),
            ("notice", Level::Info),
            ("log", Level::Info),
            ("warn", Level::Warn),
            ("warning", Level::Warn),
            ("error", Level::Error),
            ("err", Level::Error),
            ("fatal", Level::Error),
            ("panic", Level::Error),
            ("crit", Level::Error),
            ("critical", Level::Error),
            ("alert", Level::Error),
            ("emerg", Level::Error),
            ("emergency", Level::Error),
            ("severe", Level::Error),
        ];
        WORDS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, level)| *level)
    }
}

/// The fields that name the level; a line may have several of them.
pub(super) const LEVELS: [&str; 5] = ["level", "severity", "levelname", "lvl", "log.level"];

/// The fields of a JSON line that matter here. Each has a place of its own: an alias that is there beside the name is an error for serde.
#[derive(Default, Deserialize)]
struct Fields {
    level: Option<Value>,
    severity: Option<Value>,
    levelname: Option<Value>,
    lvl: Option<Value>,
    #[serde(rename = "log.level")]
    log_level: Option<Value>,
    request_id: Option<Value>,
    #[serde(rename = "requestId")]
    camel_request_id: Option<Value>,
    x_request_id: Option<Value>,
}

impl Fields {
    fn level(&self) -> Option<Level> {
        [&self.level, &self.severity, &self.levelname, &self.lvl, &self.log_level].into_iter().flatten().find_map(Level::read)
    }

    fn request_id(&self) -> Option<String> {
        [&self.request_id, &self.camel_request_id, &self.x_request_id].into_iter().flatten().find_map(|id| match id {
            Value::String(id) if !id.is_empty() => Some(id.clone()),
            Value::Number(id) => Some(id.to_string()),
            _ => None,
        })
    }
}

fn fields(line: &str) -> Option<Fields> {
    let line = line.trim();
    (line.starts_with('{') && line.ends_with('}')).then(|| serde_json::from_str(line).unwrap_or_default())
}

/// What a line says about itself; nothing of what it does not say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// How severe it is.
    pub(crate) level: Option<Level>,
    /// The id of the request that it is about.
    pub(crate) request_id: Option<String>,
}

impl Facts {
    /// Reads a line, once.
    pub(crate) fn of(line: &str) -> Self {
        let Some(fields) = fields(line) else { return Self { level: level_of_text(line), request_id: request_id_of_text(line) } };
        Self { level: fields.level(), request_id: fields.request_id() }
    }
}

/// The level of a line; nothing when it does not say.
pub(crate) fn level_of(line: &str) -> Option<Level> {
    fields(line).map_or_else(|| level_of_text(line), |fields| fields.level())
}

fn level_of_text(line: &str) -> Option<Level> {
    let plain = plain_head(line);
    redis(&plain).or_else(|| postgres(&plain)).or_else(|| worded(&plain))
}

fn request_id_of_text(line: &str) -> Option<String> {
    let (_, after) = line.split_once("request_id=")?;
    let after = after.strip_prefix('"').unwrap_or(after);
    let end = after.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))).unwrap_or(after.len());
    (end > 0).then(|| after[..end].to_owned())
}

/// Whether a line only says more about the one before it: its level is that one's.
pub(crate) fn continues(line: &str) -> bool {
    const MORE: [&str; 6] = ["DETAIL", "HINT", "CONTEXT", "STATEMENT", "QUERY", "LOCATION"];
    line.starts_with('\t') || tagged(&plain_head(line)).is_some_and(|word| MORE.contains(&word))
}

/// What a line of PostgreSQL, Redis or nginx says after its time, process and level; the whole line where it is of another kind.
pub(super) fn without_head(line: &str) -> &str {
    let after = |sign: &str| line.split_once(sign).map(|(_, rest)| rest);
    let message = match line.as_bytes() {
        // `2026-11-21 12:41:00.123 UTC [29] LOG:  ready`
        [b'0'..=b'9', ..] if tagged(line).is_some() => after(":  "),
        // `1:M 21 Nov 2026 12:41:00.123 * Ready`
        _ if redis(line).is_some() => line.splitn(7, ' ').nth(6),
        // `2026/11/21 12:41:00 [error] 29#29: *1 connect() failed`
        [_, _, _, _, b'/', ..] if worded(line).is_some() => after("] ").and_then(|rest| Some(rest.split_once(": ")?.1)),
        _ => None,
    };
    message.unwrap_or(line)
}

/// The begin of a line, where levels stand, without escape sequences of colours.
fn plain_head(line: &str) -> String {
    let mut head = String::new();
    let mut escape = false;
    for c in line.chars().take(160) {
        match c {
            '\u{1b}' => escape = true,
            _ if escape => escape = !c.is_ascii_alphabetic(),
            c => head.push(c),
        }
    }
    head
}

/// `1:M 21 Nov 2026 12:41:00.123 * Ready`: a sign after process, role and time.
fn redis(line: &str) -> Option<Level> {
    let mut words = line.split(' ');
    let (pid, role) = words.next()?.split_once(':')?;
    let numeric = !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit());
    if !numeric || !matches!(role, "X" | "C" | "S" | "M") {
        return None;
    }
    match words.nth(4)? {
        "." | "-" => Some(Level::Debug),
        "*" => Some(Level::Info),
        "#" => Some(Level::Warn),
        _ => None,
    }
}

/// `2026-11-21 12:41:00.123 UTC [29] LOG:  ready`: a word in capitals, a colon and two spaces.
fn postgres(line: &str) -> Option<Level> {
    let word = tagged(line)?;
    if word.strip_prefix("DEBUG").is_some_and(|number| matches!(number, "1" | "2" | "3" | "4" | "5")) {
        return Some(Level::Debug);
    }
    Level::named(word)
}

fn tagged(line: &str) -> Option<&str> {
    let (before, _) = line.split_once(":  ")?;
    let word = before.rsplit(' ').next()?;
    (!word.is_empty() && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())).then_some(word)
}

/// A level among the first words: `WARN`, `[warn]`, `level=warn`, `ERROR:`; and how a panic of Rust begins.
fn worded(line: &str) -> Option<Level> {
    if line.starts_with("thread '") && line.contains("panicked at") {
        return Some(Level::Error);
    }
    line.split_whitespace().take(6).find_map(|word| {
        if let Some((_, value)) = word.split_once('=').filter(|(name, _)| LEVELS.contains(name)) {
            return Level::named(value.trim_matches('"'));
        }
        if let Some(inner) = word.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            return Level::named(inner);
        }
        // Python writes `WARNING:root:late`.
        let word = word.split(':').next().unwrap_or_default();
        // In small letters it is a word of the message.
        if word.bytes().all(|byte| byte.is_ascii_uppercase()) { Level::named(word) } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request_id_of(line: &str) -> Option<String> {
        let facts = Facts::of(line);
        assert_eq!(facts.level, level_of(line), "both ways to ask are told the same");
        facts.request_id
    }

    #[test]
    fn json_fields_name_the_level() {
        let level = |line: &str| level_of(line);
        assert_eq!(level(r#"{"timestamp":"x","level":"WARN","message":"late"}"#), Some(Level::Warn));
        assert_eq!(level(r#"{"severity":"CRITICAL","message":"late"}"#), Some(Level::Error));
        let pino = [10, 20, 30, 40, 50, 60].map(|number| level(&format!(r#"{{"level":{number},"msg":"late"}}"#)));
        assert_eq!(pino, [Level::Trace, Level::Debug, Level::Info, Level::Warn, Level::Error, Level::Error].map(Some));
        assert_eq!(level(r#"{"level":"40"}"#), Some(Level::Warn));
        let syslog = [0, 3, 4, 6, 7].map(|number| level(&format!(r#"{{"level":{number}}}"#)));
        assert_eq!(syslog, [Level::Error, Level::Error, Level::Warn, Level::Info, Level::Debug].map(Some));
        assert_eq!(level(r#"{"levelname":"WARNING","message":"late"}"#), Some(Level::Warn));
        assert_eq!(level(r#"{"lvl":"dbg"}"#), Some(Level::Debug));
        assert_eq!(level(r#"{"log.level":"error","level":null,"severity":"?"}"#), Some(Level::Error), "the first that is one");
        assert_eq!(request_id_of(r#"{"request_id":"","requestId":"a"}"#).as_deref(), Some("a"));
        assert_eq!(level(r#"{"message":"ERROR is only a word here"}"#), None);
        assert_eq!(level(r#"{"level":"loud"}"#), None);
        assert_eq!(level(r#"{"level":"ERROR""#), None, "half a line");
    }

    #[test]
    fn known_programs_are_understood() {
        let lines = [
            ("2026-11-21 12:41:00.123 UTC [29] LOG:  database system is ready", Some(Level::Info)),
            ("2026-11-21 12:41:00.123 UTC [29] slipway@slipway ERROR:  relation \"x\" does not exist at character 15", Some(Level::Error)),
            ("2026-11-21 12:41:00.123 UTC [29] WARNING:  there is no transaction", Some(Level::Warn)),
            ("2026-11-21 12:41:00.123 UTC [29] FATAL:  the database system is starting up", Some(Level::Error)),
            ("2026-11-21 12:41:00.123 UTC [29] DEBUG2:  name", Some(Level::Debug)),
            ("LOG:  ready", Some(Level::Info)),
            ("2026/11/21 12:41:00 [error] 29#29: *1 connect() failed", Some(Level::Error)),
            ("2026/11/21 12:41:00 [notice] 1#1: start worker processes", Some(Level::Info)),
            ("2026/11/21 12:41:00 [emerg] 1#1: unknown directive", Some(Level::Error)),
            ("1:M 21 Nov 2026 12:41:00.123 * Ready to accept connections", Some(Level::Info)),
            ("1:C 21 Nov 2026 12:41:00.123 # WARNING Memory overcommit must be enabled", Some(Level::Warn)),
            ("1:M 21 Nov 2026 12:41:00.123 - Accepted 127.0.0.1", Some(Level::Debug)),
            ("2026-11-21T12:41:00Z  WARN backend::http: slow", Some(Level::Warn)),
            ("\u{1b}[2m2026-11-21T12:41:00Z\u{1b}[0m \u{1b}[31mERROR\u{1b}[0m backend: no", Some(Level::Error)),
            ("time=12:41 level=warning msg=late", Some(Level::Warn)),
            ("ts=12:41 caller=main.go:3 lvl=\"error\" msg=late", Some(Level::Error)),
            ("WARNING:root:late", Some(Level::Warn)),
            ("2026-11-21 12:41:00,123 - root - ERROR - late", Some(Level::Error)),
            ("INFO:     127.0.0.1:5000 - \"GET / HTTP/1.1\" 200 OK", Some(Level::Info)),
            ("thread 'main' panicked at src/main.rs:3:5:", Some(Level::Error)),
            ("no error here", None),
            ("", None),
        ];
        for (line, level) in lines {
            assert_eq!(level_of(line), level, "{line}");
        }
    }

    #[test]
    fn what_the_row_says_already_is_left_out() {
        let lines = [
            ("2026-11-21 12:41:00.123 UTC [29] a@b LOG:  duration:  1 ms", "duration:  1 ms"),
            ("1:M 21 Nov 2026 12:41:00.123 * Ready to accept: yes", "Ready to accept: yes"),
            ("2026/11/21 12:41:00 [error] 29#29: *1 open() failed (2: No such file)", "*1 open() failed (2: No such file)"),
            ("2026/11/21 12:41:00 [error", "2026/11/21 12:41:00 [error"),
            ("LOG:  ready", "LOG:  ready"),
            ("2 apples", "2 apples"),
            ("", ""),
        ];
        for (line, message) in lines {
            assert_eq!(without_head(line), message);
        }
    }

    #[test]
    fn more_about_a_line_is_known() {
        assert!(continues("2026-11-21 12:41:00.123 UTC [29] STATEMENT:  SELECT 1"));
        assert!(continues("\tFROM tasks"));
        assert!(!continues("2026-11-21 12:41:00.123 UTC [29] LOG:  ready"));
    }

    #[test]
    fn requests_are_told_apart() {
        assert_eq!(request_id_of(r#"{"level":"INFO","request_id":"0a1b-2c","status":200}"#).as_deref(), Some("0a1b-2c"));
        assert_eq!(request_id_of(r#"{"request_id":""}"#), None);
        assert_eq!(request_id_of(r#"INFO request{request_id="0a1b" method=GET}: done"#).as_deref(), Some("0a1b"));
        assert_eq!(request_id_of("nothing"), None);
    }

    #[test]
    fn levels_are_ordered() {
        assert!(Level::Trace < Level::Debug && Level::Info < Level::Warn && Level::Warn < Level::Error);
        assert_eq!(Level::Warn.name(), "WARN");
    }
}
