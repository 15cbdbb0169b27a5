//! One line that stays at the bottom of the terminal while other lines scroll above it.

use std::io::{self, IsTerminal as _, Write};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

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

/// What is known about the two streams.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Screen {
    /// stdout is a terminal.
    product: bool,
    /// stderr is a terminal; without, there is no status line.
    talk: bool,
    /// How many columns the terminal has now.
    columns: fn() -> usize,
}

/// The line; shared by all threads that print.
pub(crate) struct StatusLine {
    inner: Mutex<Inner>,
}

struct Inner {
    product: Box<dyn Write + Send>,
    talk: Box<dyn Write + Send>,
    screen: Screen,
    shown: Option<String>,
}

/// The line of this process. Everything that `report` prints goes through it.
pub(crate) fn shared() -> &'static StatusLine {
    static SHARED: LazyLock<StatusLine> = LazyLock::new(|| {
        let screen = Screen { product: io::stdout().is_terminal(), talk: io::stderr().is_terminal(), columns };
        StatusLine::new(Box::new(io::stdout()), Box::new(io::stderr()), screen)
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

    /// Whether there is a terminal to show it on.
    pub(crate) fn visible(&self) -> bool {
        self.lock().screen.talk
    }

    /// Shows `text` in the place of what was there; nothing where stderr is no terminal.
    pub(crate) fn set(&self, text: &str) {
        let mut inner = self.lock();
        if inner.screen.talk {
            inner.shown = Some(text.to_owned());
            // Nothing can be told where stderr itself is gone.
            let _ = inner.erase().and_then(|()| inner.draw());
        }
    }

    /// Shows `text`, which stays until something new is set; where stderr is no terminal it becomes a line of its own.
    pub(crate) fn finish(&self, text: &str) {
        if self.lock().screen.talk {
            self.set(text);
        } else {
            let _ = self.print_above(Channel::Talk, &format!("{text}\n"));
        }
    }

    /// Writes `lines`, each with its end, above the status line.
    ///
    /// # Errors
    /// When the stream is closed.
    pub(crate) fn print_above(&self, channel: Channel, lines: &str) -> io::Result<()> {
        let mut inner = self.lock();
        let beside = channel == Channel::Product && !inner.screen.product;
        if inner.shown.is_none() || beside {
            return inner.write(channel, lines);
        }
        let _ = inner.erase();
        let written = inner.write(channel, lines);
        let _ = inner.draw();
        written
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        let mut inner = self.lock();
        if inner.shown.take().is_some() {
            let _ = inner.erase();
        }
    }
}

impl Inner {
    fn write(&mut self, channel: Channel, text: &str) -> io::Result<()> {
        let stream = match channel {
            Channel::Product => &mut self.product,
            Channel::Talk => &mut self.talk,
        };
        stream.write_all(text.as_bytes())?;
        stream.flush()
    }

    fn erase(&mut self) -> io::Result<()> {
        self.write(Channel::Talk, ERASE)
    }

    fn draw(&mut self) -> io::Result<()> {
        // One column stays free: terminals wrap a full line.
        let room = (self.screen.columns)().saturating_sub(1);
        let text = clipped(self.shown.as_deref().unwrap_or_default(), room);
        self.write(Channel::Talk, &text)
    }
}

/// The begin of `text` that fits in `room` columns, on one line; colours take no room and end with it.
pub(crate) fn clipped(text: &str, room: usize) -> String {
    let text = text.lines().next().unwrap_or_default();
    let length = visible(text).map(|(_, width)| width).sum::<usize>();
    if length <= room {
        return text.to_owned();
    }
    let mut used = 0;
    let fits = visible(text).take_while(|(_, width)| {
        used += width;
        used < room
    });
    let end = fits.last().map_or(0, |(end, _)| end);
    let reset = if text[..end].contains('\u{1b}') { "\u{1b}[0m" } else { "" };
    let more = if room == 0 { "" } else { "…" };
    format!("{}{reset}{more}", &text[..end])
}

/// Each character of `text`: where it ends and how many columns it takes.
fn visible(text: &str) -> impl Iterator<Item = (usize, usize)> {
    let mut escape = false;
    text.char_indices().map(move |(at, c)| {
        let width = match c {
            '\u{1b}' => {
                escape = true;
                0
            }
            _ if escape => {
                escape = !c.is_ascii_alphabetic();
                0
            }
            c if c.is_control() => 0,
            // East Asian letters and pictures take two columns.
            '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' => 2,
            '\u{fe30}'..='\u{fe6f}' | '\u{ff00}'..='\u{ff60}' | '\u{1f300}'..='\u{1faff}' | '\u{20000}'..='\u{3fffd}' => 2,
            _ => 1,
        };
        (at + c.len_utf8(), width)
    })
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
        let line = StatusLine::new(side(true), side(false), Screen { product, talk, columns: || 12 });
        (line, terminal)
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
        line.finish("built");
        assert_eq!(taken(&terminal), "^built");
        line.clear();
        line.clear();
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
    fn without_a_terminal_each_change_is_a_line() {
        let (line, terminal) = line(true, false);
        line.set("building");
        line.finish("built in 1.8 s, which is long");
        line.print_above(Channel::Product, "one\n").expect("written");
        line.clear();
        assert_eq!(taken(&terminal), "built in 1.8 s, which is long\n<one\n>");
    }

    #[test]
    fn it_never_takes_two_lines() {
        assert_eq!(clipped("fits exactly", 12), "fits exactly");
        assert_eq!(clipped("does not fit here", 8), "does no…");
        assert_eq!(clipped("\u{1b}[32mgreen\u{1b}[0m", 5), "\u{1b}[32mgreen\u{1b}[0m");
        assert_eq!(clipped("\u{1b}[32mgreen light\u{1b}[0m", 6), "\u{1b}[32mgreen\u{1b}[0m…");
        assert_eq!(clipped("日本語", 6), "日本語");
        assert_eq!(clipped("日本語", 5), "日本…");
        assert_eq!(clipped("one\ntwo", 20), "one");
        assert_eq!(clipped("x", 0), "");
    }
}
