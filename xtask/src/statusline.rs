//! One line that stays at the bottom of the terminal while other lines scroll above it; and the only way to our own two streams.
//!
//! Whatever goes to them is made harmless here, and loses its colours where the stream has none.

use std::io::{self, Write};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use crate::terminal::{self, Colours, clipped, shortened, shown, width};

/// Back to the begin of the line, and the line empty.
const ERASE: &str = "\r\u{1b}[2K";

/// Where lines go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    /// stdout: what a command is there for.
    Product,
    /// stderr: what it says about it.
    Talk,
}

/// What is known about the two streams, each by itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    /// stdout is a terminal.
    product: bool,
    /// stderr is a terminal that draws a line again in place; without, there is no status line.
    talk: bool,
    /// The colours of stdout.
    product_colours: Colours,
    /// The colours of stderr.
    talk_colours: Colours,
    /// How many columns the terminal has now.
    columns: fn() -> usize,
}

/// What the line says: its name gives way first, then what is said at length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shown {
    /// In front of the name.
    pub(crate) before: String,
    /// The name of a file, which can lose its middle.
    pub(crate) name: String,
    /// What became of it, the longest text first; the last one is cut only where it alone does not fit.
    pub(crate) outcomes: Vec<String>,
}

impl From<&str> for Shown {
    fn from(text: &str) -> Self {
        Self { outcomes: vec![text.to_owned()], ..Self::default() }
    }
}

impl Shown {
    /// All of it.
    pub(crate) fn whole(&self) -> String {
        let outcome = self.outcomes.first().map(String::as_str).unwrap_or_default();
        format!("{}{}{outcome}", self.before, self.name)
    }

    /// It in `room` columns.
    fn fitted(&self, room: usize) -> String {
        /// With less of its name left, a file could be any.
        const LEAST: usize = 8;
        let least = width(&self.name).min(LEAST);
        for outcome in &self.outcomes {
            let others = width(&self.before) + width(outcome);
            if others + least <= room {
                return format!("{}{}{outcome}", self.before, shortened(&self.name, room - others));
            }
        }
        let alone = |outcome: &String| outcome.trim_start_matches(" → ").to_owned();
        let fits = self.outcomes.iter().map(alone).find(|outcome| width(outcome) <= room);
        fits.unwrap_or_else(|| clipped(&self.outcomes.last().map(alone).unwrap_or_default(), room))
    }
}

/// The line; shared by all threads that print.
pub(crate) struct StatusLine {
    inner: Mutex<Inner>,
}

struct Inner {
    product: Box<dyn Write + Send>,
    talk: Box<dyn Write + Send>,
    screen: Screen,
    shown: Option<Shown>,
}

/// The line of this process. Everything that `report` prints goes through it.
pub(crate) fn shared() -> &'static StatusLine {
    static SHARED: LazyLock<StatusLine> = LazyLock::new(|| {
        let (product, talk) = (io::stdout(), io::stderr());
        let screen = Screen {
            product: io::IsTerminal::is_terminal(&product),
            talk: terminal::redraws(&talk),
            product_colours: terminal::colours_of(&product),
            talk_colours: terminal::colours_of(&talk),
            columns,
        };
        StatusLine::new(Box::new(product), Box::new(talk), screen)
    });
    &SHARED
}

fn columns() -> usize {
    let size = terminal_size::terminal_size_of(io::stderr()).map(|(width, _)| usize::from(width.0));
    size.or_else(|| std::env::var("COLUMNS").ok()?.parse().ok()).unwrap_or(80)
}

impl StatusLine {
    fn new(product: Box<dyn Write + Send>, talk: Box<dyn Write + Send>, screen: Screen) -> Self {
        Self { inner: Mutex::new(Inner { product, talk, screen, shown: None }) }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows this in the place of what was there; nothing where stderr is no terminal.
    pub(crate) fn set(&self, shown: impl Into<Shown>) {
        let mut inner = self.lock();
        if inner.screen.talk {
            inner.shown = Some(shown.into());
            // Nothing can be told where stderr itself is gone.
            let _ = inner.erase().and_then(|()| inner.draw());
        }
    }

    /// Whether there is a line: without, each state that matters is a line of its own.
    pub(crate) fn exists(&self) -> bool {
        self.lock().screen.talk
    }

    /// Writes `lines`, each with its end, above the status line.
    ///
    /// # Errors
    /// When the stream is closed.
    pub(crate) fn print_above(&self, channel: Channel, lines: &str) -> io::Result<()> {
        self.lock().above(channel, |inner| {
            let colours = inner.colours(channel);
            inner.write(channel, shown(lines, colours).as_bytes())
        })
    }

    /// Writes `bytes` to stdout as they are: data for a program, or our own drawing.
    ///
    /// # Errors
    /// When the stream is closed.
    pub(crate) fn pass(&self, bytes: &[u8]) -> io::Result<()> {
        self.lock().above(Channel::Product, |inner| inner.write(Channel::Product, bytes))
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        drop(self.lock().take());
    }

    /// The same where the process ends at once, whatever another thread is writing.
    pub(crate) fn clear_at_exit(&self) {
        if let Ok(mut inner) = self.inner.try_lock() {
            drop(inner.take());
        }
    }
}

impl Inner {
    fn colours(&self, channel: Channel) -> Colours {
        match channel {
            Channel::Product => self.screen.product_colours,
            Channel::Talk => self.screen.talk_colours,
        }
    }

    fn above(&mut self, channel: Channel, write: impl FnOnce(&mut Self) -> io::Result<()>) -> io::Result<()> {
        let beside = channel == Channel::Product && !self.screen.product;
        if self.shown.is_none() || beside {
            return write(self);
        }
        let _ = self.erase();
        let written = write(self);
        let _ = self.draw();
        written
    }

    fn write(&mut self, channel: Channel, bytes: &[u8]) -> io::Result<()> {
        let stream = match channel {
            Channel::Product => &mut self.product,
            Channel::Talk => &mut self.talk,
        };
        stream.write_all(bytes)?;
        stream.flush()
    }

    fn take(&mut self) -> Option<Shown> {
        let shown = self.shown.take();
        if shown.is_some() {
            let _ = self.erase();
        }
        shown
    }

    fn erase(&mut self) -> io::Result<()> {
        self.write(Channel::Talk, ERASE.as_bytes())
    }

    fn draw(&mut self) -> io::Result<()> {
        // One column stays free: terminals wrap a full line.
        let room = (self.screen.columns)().saturating_sub(1);
        let text = self.shown.as_ref().map(|line| line.fitted(room)).unwrap_or_default();
        let text = shown(&text, self.colours(Channel::Talk)).into_owned();
        self.write(Channel::Talk, text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// Both streams in one, as a terminal gets them; the product in brackets.
    #[derive(Clone, Default)]
    struct Terminal(Arc<Mutex<String>>);

    struct Side(Terminal, bool);

    impl Write for Side {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let text = std::str::from_utf8(bytes).expect("text");
            let mut all = self.0.0.lock().expect("no test panics here");
            all.push_str(&if self.1 { format!("<{text}>") } else { text.to_owned() });
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn line(product: bool, talk: bool) -> (StatusLine, Terminal) {
        let terminal = Terminal::default();
        let side = |product| Box::new(Side(terminal.clone(), product));
        let of = |terminal| if terminal { Colours::Kept } else { Colours::Removed };
        let screen = Screen { product, talk, product_colours: of(product), talk_colours: of(talk), columns: || 12 };
        (StatusLine::new(side(true), side(false), screen), terminal)
    }

    fn taken(terminal: &Terminal) -> String {
        std::mem::take(&mut *terminal.0.lock().expect("no test panics here")).replace(ERASE, "^")
    }

    #[test]
    fn it_stays_below_what_is_printed() {
        let (line, terminal) = line(true, true);
        line.print_above(Channel::Product, "one\n").expect("written");
        assert_eq!(taken(&terminal), "<one\n>");
        line.set("building");
        assert_eq!(taken(&terminal), "^building");
        line.print_above(Channel::Product, "two\nthree\n").expect("written");
        assert_eq!(taken(&terminal), "^<two\nthree\n>building");
        line.print_above(Channel::Talk, "talk\n").expect("written");
        assert_eq!(taken(&terminal), "^talk\nbuilding");
        line.pass(b"raw\n").expect("written");
        assert_eq!(taken(&terminal), "^<raw\n>building");
        line.set("built");
        assert_eq!(taken(&terminal), "^built");
        line.clear();
        line.clear();
        line.clear_at_exit();
        line.print_above(Channel::Talk, "end\n").expect("written");
        assert_eq!(taken(&terminal), "^end\n");
    }

    #[test]
    fn a_product_that_goes_elsewhere_leaves_it_alone() {
        let (line, terminal) = line(false, true);
        line.set("building");
        line.print_above(Channel::Product, "one\n").expect("written");
        assert_eq!(taken(&terminal), "^building<one\n>");
    }

    #[test]
    fn without_a_terminal_there_is_none() {
        let (line, terminal) = line(true, false);
        line.set("building");
        assert!(!line.exists());
        line.print_above(Channel::Product, "one\n").expect("written");
        line.clear();
        assert_eq!(taken(&terminal), "<one\n>");
    }

    #[test]
    fn each_stream_has_colours_of_its_own_and_obeys_nothing() {
        let text = "\u{1b}[31mred\u{1b}[0m \u{1b}[2J\u{9b}2J\r x\n";
        let (line, terminal) = line(false, true);
        line.print_above(Channel::Product, text).expect("written");
        assert_eq!(taken(&terminal), "<red \\x1b[2J\\u009b2J\\r x\n>");
        line.print_above(Channel::Talk, text).expect("written");
        assert_eq!(taken(&terminal), "\u{1b}[31mred\u{1b}[0m \\x1b[2J\\u009b2J\\r x\n");
        line.set("\u{1b}]0;\u{7}");
        assert_eq!(taken(&terminal), "^\\x1b]0;\\x07");
    }

    #[test]
    fn the_outcome_is_never_cut() {
        let shown = Shown {
            before: "03:04:05 ".to_owned(),
            name: "backend/src/http/räume/とても長い名前の.rs".to_owned(),
            outcomes: [" → built 1.83 s → swapped 0.12 s (backend, worker)", " → swapped 0.12 s"].map(str::to_owned).into(),
        };
        assert_eq!(shown.fitted(159), shown.whole());
        assert_eq!(shown.fitted(79), "03:04:05 backen…長い名前の.rs → built 1.83 s → swapped 0.12 s (backend, worker)");
        assert_eq!(shown.fitted(39), "03:04:05 back…前の.rs → swapped 0.12 s");
        assert_eq!(shown.fitted(30), "swapped 0.12 s");
        assert_eq!(shown.fitted(8), "swapped…");
        for room in 0..160 {
            let fitted = shown.fitted(room);
            assert!(width(&fitted) <= room && (room < 14 || fitted.contains("swapped 0.12 s")), "{room}: {fitted}");
        }
    }
}
