//! What the compiler says, from cargo's JSON.

use serde::Deserialize;
use serde_json::Value;

/// One message of the compiler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Diagnostic {
    /// Whether it stops the build; otherwise it is a warning.
    pub(crate) error: bool,
    /// The package that it is about.
    pub(crate) package: String,
    /// The first line: `mismatched types`.
    pub(crate) title: String,
    /// All of it, with colours as a terminal takes them.
    pub(crate) text: String,
    /// Where: the file, relative to the workspace, with line and column.
    pub(crate) place: Option<(String, u64, u64)>,
}

#[derive(Deserialize)]
struct Message {
    reason: String,
    target: Option<Target>,
    message: Option<Inner>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
}

#[derive(Deserialize)]
struct Inner {
    level: String,
    message: String,
    #[serde(default)]
    rendered: Option<String>,
    #[serde(default)]
    spans: Vec<Span>,
}

#[derive(Deserialize)]
struct Span {
    file_name: String,
    line_start: u64,
    column_start: u64,
    is_primary: bool,
}

impl Diagnostic {
    /// Reads a message of `cargo build --message-format=json…`; other ones than the compiler's, and its closing summary, give nothing.
    pub(crate) fn read(message: &Value) -> Option<Self> {
        let message = Message::deserialize(message).ok()?;
        let inner = message.message.filter(|_| message.reason == "compiler-message")?;
        let error = match inner.level.as_str() {
            "error" | "error: internal compiler error" => true,
            "warning" => false,
            _ => return None,
        };
        // `aborting due to 2 previous errors`, `3 warnings emitted`: about others, nowhere.
        if inner.spans.is_empty() && (inner.message.starts_with("aborting due to") || inner.message.ends_with("emitted")) {
            return None;
        }
        let span = inner.spans.into_iter().find(|span| span.is_primary);
        Some(Self {
            error,
            package: message.target.map(|target| target.name).unwrap_or_default(),
            text: inner.rendered.unwrap_or_else(|| inner.message.clone()),
            title: inner.message,
            place: span.map(|span| (span.file_name, span.line_start, span.column_start)),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(level: &str, text: &str, spans: &Value) -> Value {
        json!({ "reason": "compiler-message", "package_id": "p", "target": { "name": "backend" },
            "message": { "level": level, "message": text, "rendered": format!("{level}: {text}\n --> place"), "spans": spans } })
    }

    #[test]
    fn an_error_has_its_place() {
        let spans = json!([{ "file_name": "a.rs", "line_start": 1, "column_start": 1, "is_primary": false },
            { "file_name": "backend/src/main.rs", "line_start": 12, "column_start": 9, "is_primary": true }]);
        let error = Diagnostic::read(&message("error", "mismatched types", &spans)).expect("a diagnostic");
        assert_eq!((error.error, error.title.as_str(), error.package.as_str()), (true, "mismatched types", "backend"));
        assert_eq!(error.place, Some(("backend/src/main.rs".to_owned(), 12, 9)));
        assert!(error.text.contains("--> place"));
    }

    #[test]
    fn warnings_are_told_apart_and_summaries_left_out() {
        assert!(!Diagnostic::read(&message("warning", "unused variable: `x`", &json!([]))).expect("a diagnostic").error);
        for (level, text) in
            [("error", "aborting due to 2 previous errors"), ("warning", "3 warnings emitted"), ("failure-note", "more with --explain")]
        {
            assert_eq!(Diagnostic::read(&message(level, text, &json!([]))), None, "{text}");
        }
        assert_eq!(Diagnostic::read(&json!({ "reason": "compiler-artifact", "target": { "name": "x" } })), None);
        assert_eq!(Diagnostic::read(&json!("text")), None);
    }

    #[test]
    fn an_error_without_a_place_is_one() {
        assert!(Diagnostic::read(&message("error", "linking with `cc` failed", &json!([]))).expect("a diagnostic").place.is_none());
    }
}
