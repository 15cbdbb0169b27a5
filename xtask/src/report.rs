//! What a person reads: errors with hints, exit codes, talk on stderr, product on stdout.

use std::fmt;
use std::ops::ControlFlow;
use std::time::Duration;

use crate::statusline::{self, Channel};
use crate::terminal;

/// A refusal or failed check that the user can act on: exit code 1. Any other error is unexpected: exit code 2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    message: String,
    details: Vec<String>,
    hints: Vec<String>,
}

impl Failure {
    /// `message` names the object and the reason, without a full stop.
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), details: Vec::new(), hints: Vec::new() }
    }

    /// With another message; the one before becomes the first line under it.
    pub(crate) fn told_as(mut self, message: impl Into<String>) -> Self {
        let before = std::mem::replace(&mut self.message, message.into());
        self.details.insert(0, before);
        self
    }

    /// Adds an indented line under the message.
    pub(crate) fn detail(mut self, detail: impl Into<String>) -> Self {
        self.details.push(detail.into());
        self
    }

    /// Adds what to do next.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.message)?;
        for detail in &self.details {
            // A detail of several lines cannot be taken for a message of ours.
            write!(f, "\n  {}", detail.replace('\n', "\n  "))?;
        }
        if !self.hints.is_empty() {
            writeln!(f)?;
        }
        for hint in &self.hints {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

/// `hint` with `flags` at the end of each command of ours: they lead to the stack that is meant.
pub(crate) fn with_flags(hint: &str, flags: &str) -> String {
    const COMMAND: &str = "`cargo xtask ";
    let mut pieces = hint.split(COMMAND);
    let begin = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(begin, |text, piece| {
        let (command, rest) = piece.split_at(piece.find('`').unwrap_or(piece.len()));
        format!("{text}{COMMAND}{command}{flags}{rest}")
    })
}

/// Ends the process with a child's own exit code, without a message of ours.
#[derive(Debug)]
pub(crate) struct ExitWith(pub(crate) i32);

impl fmt::Display for ExitWith {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit code {}", self.0)
    }
}

impl std::error::Error for ExitWith {}

/// Somebody asked to stop before the command was done.
#[derive(Debug)]
pub(crate) struct Interrupted;

impl Interrupted {
    /// The exit code, as shells have it for Ctrl-C.
    pub(crate) const CODE: i32 = 130;
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted")
    }
}

impl std::error::Error for Interrupted {}

/// Prints `error` and returns the exit code that goes with it.
pub(crate) fn exit_code(error: &anyhow::Error) -> i32 {
    if let Some(ExitWith(code)) = error.downcast_ref::<ExitWith>() {
        return *code;
    }
    let (text, code) = match error.downcast_ref::<Failure>() {
        Some(failure) => (format!("{} {failure}", paint(Style::Error, "error:")), 1),
        None if error.is::<Interrupted>() => (error.to_string(), Interrupted::CODE),
        None => (format!("{} {error:#}", paint(Style::Error, "unexpected error:")), 2),
    };
    to_stderr(&text);
    code
}

/// How much is said on stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Volume {
    /// Errors only.
    Quiet,
    /// What happens.
    Normal,
    /// Also each command that runs.
    Verbose,
}

impl Volume {
    /// Says `text` unless quiet.
    pub(crate) fn say(self, text: impl AsRef<str>) {
        if self != Self::Quiet {
            to_stderr(text.as_ref());
        }
    }

    /// Says `text` when verbose.
    pub(crate) fn detail(self, text: impl AsRef<str>) {
        if self == Self::Verbose {
            to_stderr(text.as_ref());
        }
    }
}

/// Writes the product of a command to stdout. A closed pipe (`… | head`) ends the process quietly.
pub(crate) fn product(text: impl AsRef<str>) {
    if lines(&format!("{}\n", text.as_ref())).is_break() {
        statusline::shared().clear_at_exit();
        std::process::exit(0);
    }
}

/// Writes whole lines to stdout, as a part of the product; breaks where the pipe is closed.
pub(crate) fn lines(text: &str) -> ControlFlow<()> {
    match statusline::shared().print_above(Channel::Product, text) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    }
}

/// Writes `bytes` to stdout, as a part of the product, just as they are; breaks where the pipe is closed. They must be ours, or stdout no terminal.
pub(crate) fn bytes(bytes: &[u8]) -> ControlFlow<()> {
    match statusline::shared().pass(bytes) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    }
}

fn to_stderr(text: &str) {
    // Nothing can be told where stderr itself is gone.
    let _ = statusline::shared().print_above(Channel::Talk, &format!("{text}\n"));
}

/// What a colour stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Style {
    /// Something failed.
    Error,
    /// Something is as it should be.
    Good,
    /// Something needs a look.
    Warning,
    /// Less important.
    Faint,
    /// A heading or the one thing to see.
    Strong,
    /// The n-th of a row of distinguishable colours.
    Series(usize),
}

/// `text` in colour. A stream that has no colours leaves them out when it is written to.
pub(crate) fn paint(style: Style, text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let code = match style {
        Style::Error => "1;31",
        Style::Good => "32",
        Style::Warning => "33",
        Style::Faint => "2",
        Style::Strong => "1",
        Style::Series(n) => ["36", "33", "35", "32", "34", "31", "96", "93"][n % 8],
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

/// A duration as people read it: `0.42s`, `12.3s`, `3m05s`, `2h10m`, `4d`.
pub(crate) fn human(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match duration.as_secs() {
        0..=9 => format!("{seconds:.2}s"),
        10..=59 => format!("{seconds:.1}s"),
        60..=3599 => format!("{}m{:02}s", duration.as_secs() / 60, duration.as_secs() % 60),
        3600..=172_799 => format!("{}h{:02}m", duration.as_secs() / 3600, duration.as_secs() % 3600 / 60),
        seconds => format!("{}d", seconds / 86_400),
    }
}

/// Bytes as people read them, in powers of 1024 as the engine counts.
pub(crate) fn human_bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "kB", "MB", "GB", "TB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit < UNITS.len() - 1 {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 || value >= 100.0 { format!("{value:.0} {}", UNITS[unit]) } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// Rows aligned in columns, two spaces apart, without trailing space.
pub(crate) fn table<const N: usize>(head: [&str; N], rows: &[[String; N]]) -> String {
    let head = head.map(str::to_owned);
    columns(&std::iter::once(head.as_slice()).chain(rows.iter().map(<[String; N]>::as_slice)).collect::<Vec<_>>())
}

/// The same for any number of columns. Each row is one line, whatever its cells say.
pub(crate) fn columns(rows: &[&[String]]) -> String {
    let cell = |cell: &String| terminal::clipped(cell, usize::MAX);
    let rows: Vec<Vec<String>> = rows.iter().map(|row| row.iter().map(cell).collect()).collect();
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| terminal::width(cell)).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count).map(width).collect();
    let line = |row: &Vec<String>| {
        let pad = |cell: &String, width: &usize| format!("{cell}{}", " ".repeat(width - terminal::width(cell)));
        let padded: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| pad(cell, width)).collect();
        padded.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_reads_as_message_details_hints() {
        let failure = Failure::new("port 8080 is taken").detail("held by `nginx` (pid 12)").hint("stop it").hint("or choose another");
        assert_eq!(failure.to_string(), "port 8080 is taken\n  held by `nginx` (pid 12)\n\nhint: stop it\nhint: or choose another");
    }

    #[test]
    fn a_detail_of_several_lines_stays_a_detail() {
        assert_eq!(Failure::new("no").detail("said\nhint: do as I say").to_string(), "no\n  said\n  hint: do as I say");
    }

    #[test]
    fn durations_and_sizes_are_short() {
        let texts = [0.4219, 12.34, 185.0, 7800.0, 400_000.0].map(|s| human(Duration::from_secs_f64(s)));
        assert_eq!(texts, ["0.42s", "12.3s", "3m05s", "2h10m", "4d"]);
        assert_eq!([0, 1023, 1536, 512 << 20].map(human_bytes), ["0 B", "1023 B", "1.5 kB", "512 MB"]);
    }

    #[test]
    fn a_table_is_as_wide_as_its_widest_cell() {
        let rows = [["db".to_owned(), "healthy".to_owned()], ["frontend".to_owned(), "-".to_owned()]];
        assert_eq!(table(["SERVICE", "HEALTH"], &rows), "SERVICE   HEALTH\ndb        healthy\nfrontend  -");
        let rows = [["日本".to_owned(), "a\u{1b}[2J\nb".to_owned()], ["x".to_owned(), "-".to_owned()]];
        assert_eq!(table(["NAME", "SAID"], &rows), "NAME  SAID\n日本  a\\x1b[2J\nx     -");
    }

    #[test]
    fn commands_in_hints_lead_to_the_same_stack() {
        let hints =
            ["`cargo xtask logs redis` says why; `cargo xtask up` starts it", "`restic repair` and its documentation", "no command"];
        assert_eq!(
            hints.map(|hint| with_flags(hint, " --instance a")),
            [
                "`cargo xtask logs redis --instance a` says why; `cargo xtask up --instance a` starts it",
                "`restic repair` and its documentation",
                "no command"
            ]
        );
    }
}
