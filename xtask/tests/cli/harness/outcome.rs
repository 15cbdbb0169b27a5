//! What a run of `xtask` left behind, in words that are the same each time.

use std::fmt::{self, Write as _};

use super::Checkout;

/// The calls of `docker` that change nothing.
const READS: [&str; 16] = [
    "version ",
    "buildx version",
    "info",
    "ps ",
    "image ls ",
    "image inspect ",
    "volume ls ",
    "network ls ",
    "container inspect ",
    "container logs ",
    "container ls ",
    "events ",
    "system df ",
    "system dial-stdio",
    "compose version ",
    "compose config ",
];

/// What a finished run left behind; unstable parts of the texts are replaced.
pub(crate) struct Outcome {
    /// The exit code; nothing when a signal ended it.
    pub(crate) code: Option<i32>,
    /// The product.
    pub(crate) stdout: String,
    /// The talk.
    pub(crate) stderr: String,
    /// `call …` and `event …`, in the order in which they happened.
    pub(crate) log: Vec<String>,
}

impl Outcome {
    /// Asserts that it succeeded.
    pub(crate) fn success(self) -> Self {
        assert_eq!(self.code, Some(0), "{self}");
        self
    }

    /// The calls that change something.
    pub(crate) fn mutations(&self) -> Vec<&str> {
        let calls = self.log.iter().filter_map(|line| line.strip_prefix("call "));
        calls.filter(|call| !READS.iter().any(|read| call.starts_with(read))).collect()
    }

    /// The services that were told to start, in order.
    pub(crate) fn starts(&self) -> Vec<&str> {
        self.mutations().into_iter().filter_map(|call| call.strip_prefix("container start c-slipway-")).collect()
    }

    /// Asserts that `first` happened, and `then` happened after it.
    pub(crate) fn order(&self, first: &str, then: &str) {
        let position = |wanted: &str| self.log.iter().position(|line| line == wanted);
        let (Some(before), Some(after)) = (position(first), position(then)) else {
            panic!("`{first}` or `{then}` did not happen: {:#?}", self.log)
        };
        assert!(before < after, "`{then}` came before `{first}`: {:#?}", self.log);
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => writeln!(f, "exit code: {code}")?,
            None => f.write_str("ended by a signal\n")?,
        }
        for (name, text) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            write!(f, "----- {name} -----\n{text}")?;
            if !text.is_empty() && !text.ends_with('\n') {
                f.write_char('\n')?;
            }
        }
        Ok(())
    }
}

impl Checkout {
    /// The log of the engine: `call …` and `event …`.
    pub(super) fn log(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.dir.path().join("engine/log")).expect("readable");
        let unknown: Vec<&str> = text.lines().filter(|line| line.starts_with("unknown ")).collect();
        assert!(unknown.is_empty(), "calls that tests/cli/docker has no answer for: {unknown:?}");
        text.lines().map(shortened).collect()
    }

    /// `text` with a name in place of each part that differs from run to run.
    pub(super) fn filtered(&self, text: &str) -> String {
        let text = text.replace(&self.root().display().to_string(), "[ROOT]");
        let text = text.replace(&self.port.to_string(), "[PORT]");
        let rules = [
            (r"\b\d+\.\d+s\b", "0.00s"),
            (r"\(pid \d+\)", "(pid [PID])"),
            (r"localhost:\d+", "localhost:[PORT]"),
            (r"HTTP_PORT=\d+", "HTTP_PORT=[PORT]"),
            (r"--since \d+\.\d+", "--since [TIME]"),
            (r"--since \d{4}-\S+Z", "--since [TIME]"),
            (r"--until \d{4}-\S+Z", "--until [TIME]"),
            (r"\b\d{14}_", "[TIME]_"),
        ];
        rules.iter().fold(text, |text, (rule, by)| regex_lite::Regex::new(rule).expect("a rule").replace_all(&text, *by).into_owned())
    }
}

/// A call without what every call of Compose has in common.
fn shortened(line: &str) -> String {
    let common = regex_lite::Regex::new(r" --(project-name|file|profile) \S+").expect("a rule");
    if line.starts_with("call compose ") { common.replace_all(line, "").into_owned() } else { line.to_owned() }
}
