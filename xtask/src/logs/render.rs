//! Log lines as people and programs read them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use super::clock::Clock;
use super::fields::{Said, asks_for, said};
use super::grep::Grep;
use super::level::{Level, continues, level_of, without_head};
use super::source::Origin;
use super::stamp::Stamp;
use crate::report::{self, Style, paint};
use crate::terminal::{Colours, colours_of, readable_bytes, width, without_colours};

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
    pub(crate) fn keeps(&mut self, container: &str, text: &[u8]) -> bool {
        let text: &str = &String::from_utf8_lossy(text);
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

/// How lines are written, which depends on who reads them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// For people: time, service, level, message, `key=value`.
    Readable,
    /// For people who want the line as it is, behind its service.
    Raw,
    /// For programs: behind the name of its container, byte for byte; colours as here.
    Data(Colours),
}

impl Form {
    /// The form for `stdout`; `raw` is the flag.
    pub(crate) fn for_stdout(raw: bool) -> Self {
        let stdout = std::io::stdout();
        Self::choose(std::io::IsTerminal::is_terminal(&stdout), raw, colours_of(&stdout))
    }

    fn choose(terminal: bool, raw: bool, colours: Colours) -> Self {
        match (terminal, raw) {
            (true, false) => Self::Readable,
            (true, true) => Self::Raw,
            (false, true) => Self::Data(Colours::Kept),
            (false, false) => Self::Data(colours),
        }
    }
}

/// Writes lines with their service in front.
#[derive(Debug)]
pub(crate) struct Renderer {
    form: Form,
    clock: Clock,
    /// What all containers' names begin with.
    prefix: String,
    /// The length of the longest name.
    width: usize,
    /// A colour for each service, in the order in which they first speak.
    services: BTreeMap<String, usize>,
    /// Services with more than one container, which need their numbers.
    several: BTreeSet<String>,
}

/// Names of services are rarely longer.
const NAME: usize = 9;
/// The longest name of a level.
const LEVEL: usize = 5;

impl Renderer {
    /// For containers of `project`.
    pub(crate) fn new(project: &str, form: Form, clock: Clock) -> Self {
        let width = if matches!(form, Form::Data(_)) { 0 } else { NAME };
        Self { form, clock, prefix: format!("{project}-"), width, services: BTreeMap::new(), several: BTreeSet::new() }
    }

    /// Makes room for the name of a container.
    pub(crate) fn expect(&mut self, container: &str) {
        let short = container.strip_prefix(&self.prefix).unwrap_or(container);
        if let Some((name, number)) = short.rsplit_once('-')
            && number != "1"
            && number.bytes().all(|byte| byte.is_ascii_digit())
        {
            self.several.insert(name.to_owned());
        }
        self.width = self.width.max(width(self.short(container)));
    }

    /// The container's name without what says nothing: for people also the number of an only one, as far as is known.
    fn short<'a>(&self, container: &'a str) -> &'a str {
        let short = container.strip_prefix(&self.prefix).unwrap_or(container);
        let alone = short.strip_suffix("-1").filter(|name| !matches!(self.form, Form::Data(_)) && !self.several.contains(*name));
        alone.unwrap_or(short)
    }

    /// Appends a line, which the engine got `at` this moment, to `out`, with its end.
    pub(crate) fn line(&mut self, at: Stamp, origin: &Origin, text: &[u8], out: &mut Vec<u8>) {
        self.expect(&origin.container);
        let name = self.short(&origin.container);
        let pad = " ".repeat(self.width - width(name));
        if let Form::Data(colours) = self.form {
            // As Compose does it: one more than the longest name.
            out.extend_from_slice(format!("{name}{pad}  | ").as_bytes());
            out.extend_from_slice(&if colours == Colours::Kept { text.into() } else { without_colours(text) });
        } else {
            let next = self.services.len();
            let colour = match self.services.get(&*origin.service) {
                Some(colour) => *colour,
                None => *self.services.entry(origin.service.to_string()).or_insert(next),
            };
            let name = format!("{}{pad}", paint(Style::Series(colour), name));
            let text = readable_bytes(text);
            let line = if self.form == Form::Raw { format!("{name} {text}") } else { self.readable(at, &name, &text) };
            out.extend_from_slice(line.as_bytes());
        }
        out.push(b'\n');
    }

    /// `time service LEVEL message key=value …`.
    fn readable(&self, at: Stamp, name: &str, text: &str) -> String {
        let time = self.clock.time(at);
        let level = level_of(text).map_or_else(
            || " ".repeat(LEVEL),
            |level| {
                let style = match level {
                    Level::Error => Style::Error,
                    Level::Warn => Style::Warning,
                    Level::Info => Style::Good,
                    Level::Debug | Level::Trace => Style::Faint,
                };
                format!("{}{}", paint(style, level.name()), " ".repeat(LEVEL - level.name().len()))
            },
        );
        let indent = time.len() + self.width + LEVEL + 3;
        let text = match said(text) {
            None => without_head(text).to_owned(),
            Some(Said { message, rest }) => {
                // What a line says cannot be taken for another line.
                let message = message.trim_end().replace('\n', &format!("\n{}", " ".repeat(indent)));
                [message, paint(Style::Faint, &rest)].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
            }
        };
        format!("{} {name} {level} {text}", paint(Style::Faint, &time))
    }

    /// Writes what was appended to stdout; breaks where nobody reads any more.
    pub(crate) fn print(&self, out: &[u8]) -> ControlFlow<()> {
        match self.form {
            _ if out.is_empty() => ControlFlow::Continue(()),
            Form::Data(_) => report::bytes(out),
            Form::Readable | Form::Raw => report::lines(&String::from_utf8_lossy(out)),
        }
    }
}

/// Whether a line is about a request for something below `path`.
pub(crate) fn concerns(text: &[u8], path: &str) -> bool {
    asks_for(&String::from_utf8_lossy(text), path)
}

#[cfg(test)]
mod tests {
    use super::super::clock::tests::noon;
    use super::*;
    use crate::terminal::shown;

    /// The lines of services of one container each, as a terminal without colours gets them.
    fn rendered(form: Form, lines: &[(&str, &[u8])]) -> String {
        let mut renderer = Renderer::new("slipway", form, noon());
        let mut out = Vec::new();
        for (container, text) in lines {
            let service = container.trim_start_matches("slipway-").trim_end_matches(char::is_numeric).trim_end_matches('-');
            let at = Stamp::parse(b"2026-01-01T03:04:05.123Z").expect("a time");
            renderer.line(at, &Origin { service: service.into(), container: (*container).into() }, text, &mut out);
        }
        match form {
            Form::Data(_) => String::from_utf8_lossy(&out).into_owned(),
            _ => shown(std::str::from_utf8(&out).expect("text"), Colours::Removed).into_owned(),
        }
    }

    #[test]
    fn people_get_time_service_level_and_message() {
        let lines: [(&str, &[u8]); 7] = [
            ("slipway-backend-1", br#"{"timestamp":"2026-01-01T00:00:00Z","level":"INFO","message":"request","service":"backend","method":"GET","status":200}"#),
            ("slipway-db-1", b"2026-01-01 03:04:05.123 UTC [29] ERROR:  no such table"),
            ("slipway-backend-2", br#"{"level":50,"msg":"first\nsecond \u001b[2J"}"#),
            ("slipway-mail-catcher-1", b"[1, 2] caf\xe9"),
            ("other", b""),
            ("slipway-backend-1", b"\x1b[2m03:04\x1b[0m \x1b[33m WARN\x1b[0m late\r"),
            ("slipway-db-1", b"\tFROM x\x1b]0;owned\x07"),
        ];
        insta::assert_snapshot!(rendered(Form::Readable, &lines), @r"
        03:04:05 backend   INFO  request method=GET status=200
        03:04:05 db        ERROR no such table
        03:04:05 backend-2 ERROR first
                                 second \x1b[2J
        03:04:05 mail-catcher       [1, 2] caf\xe9
        03:04:05 other              
        03:04:05 backend-1    WARN  03:04  WARN late
        03:04:05 db                 	FROM x\x1b]0;owned\x07
        ");
    }

    #[test]
    fn raw_lines_stay_as_they_are_and_harmless() {
        let lines: [(&str, &[u8]); 2] = [("slipway-backend-1", br#"{"level":"INFO"}"#), ("slipway-db-1", b"a\x1b[2Jb\x9b2J")];
        assert_eq!(rendered(Form::Raw, &lines), "backend   {\"level\":\"INFO\"}\ndb        a\\x1b[2Jb\\x9b2J\n");
    }

    #[test]
    fn programs_get_lines_as_they_are_with_names_of_one_width() {
        let lines: [(&str, &[u8]); 3] = [("slipway-backend-1", br#"{"level":"INFO"}"#), ("slipway-db-1", b"ready"), ("other", b"")];
        let data = Form::Data(Colours::Removed);
        assert_eq!(rendered(data, &lines), "backend-1  | {\"level\":\"INFO\"}\ndb-1       | ready\nother      | \n");
        assert_eq!(rendered(data, &[("x", b"\x1b[31mred\x1b[0m \x1b]0;t\x07")]), "x  | red \u{1b}]0;t\u{7}\n");
        assert_eq!(rendered(Form::Data(Colours::Kept), &[("x", b"\x1b[31mred")]), "x  | \u{1b}[31mred\n");
    }

    #[test]
    fn who_reads_decides_the_form() {
        use Colours::{Kept, Removed};
        assert_eq!(Form::choose(true, false, Removed), Form::Readable);
        assert_eq!(Form::choose(true, true, Kept), Form::Raw);
        assert_eq!(Form::choose(false, false, Removed), Form::Data(Removed));
        assert_eq!(Form::choose(false, false, Kept), Form::Data(Kept), "forced");
        assert_eq!(Form::choose(false, true, Removed), Form::Data(Kept), "byte for byte");
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
            assert_eq!(filter.keeps(container, text.as_bytes()), kept, "{text}");
        }
        assert!(Filter::new(None, Some(Level::Info)).keeps("x", b"of unknown level"));
        let mut both = Filter::new(Some(Grep::new("5..").expect("valid")), Some(Level::Warn));
        assert!(both.keeps("x", br#"{"level":"warn","status":503}"#) && !both.keeps("x", br#"{"level":"info","status":503}"#));
    }
}
