//! `status --watch`: on a terminal in place, every two seconds and whenever the engine has something to tell; elsewhere each change, as it comes.

use std::io::IsTerminal as _;
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use super::page;
use crate::engine::{events, usage};
use crate::interrupt;
use crate::report::{bytes, lines};
use crate::status::{Report, View};
use crate::terminal::clipped;

/// What is not told by an event is looked for so often: processor, memory, and the age of everything.
const PERIOD: Duration = Duration::from_secs(2);
/// Ctrl-C reaches the programs that we have started as well: one that failed may have been told to stop.
const GRACE: Duration = Duration::from_millis(200);

/// Puts a report where it belongs; breaks where nobody reads any more.
type Show = dyn FnMut(&Report) -> anyhow::Result<ControlFlow<()>>;

/// What happens.
enum Message {
    /// Somebody asked to stop.
    Stop,
    /// The engine told of a change.
    Changed,
    /// It was asked, and this is what there is to say.
    Seen(anyhow::Result<Box<Report>>),
}

/// Shows `view` and each change of it until somebody asks to stop.
///
/// # Errors
/// When the engine does not answer any more.
pub(super) fn watch(view: View, json: bool) -> anyhow::Result<()> {
    let (send, messages) = channel();
    interrupt::listen({
        let send = send.clone();
        move || drop(send.send(Message::Stop))
    });
    let first = view.report();
    let events = events::follow(first.project(), {
        let send = send.clone();
        move |_| drop(send.send(Message::Changed))
    })?;
    let ask = looker(view, send);
    let mut output: Box<Show> = match (json, std::io::stdout().is_terminal()) {
        (false, true) => Box::new({
            let screen = Screen::enter();
            move |report| Ok(screen.draw(&page(report)))
        }),
        _ => Box::new(changes(json)),
    };
    let outcome = output(&first).and_then(|flow| if flow.is_break() { Ok(()) } else { follow(&messages, &ask, &mut output) });
    interrupt::listen(|| {});
    events.kill();
    outcome
}

/// Asks the engine on a thread of its own, each time it is told to: whoever wants to stop does not wait for it.
fn looker(mut view: View, send: Sender<Message>) -> Sender<()> {
    let (ask, asked) = channel();
    std::thread::spawn(move || {
        for () in asked {
            let seen = view.refresh().map(|()| Box::new(view.report()));
            // Nobody listens any more once it is over.
            let _ = send.send(Message::Seen(seen));
        }
    });
    ask
}

fn follow(messages: &Receiver<Message>, ask: &Sender<()>, output: &mut Show) -> anyhow::Result<()> {
    // The first figures of the processor come as soon as they mean something.
    let mut due = Instant::now() + usage::WINDOW;
    let (mut asked, mut stale) = (false, false);
    loop {
        if !asked && (stale || due <= Instant::now()) {
            (asked, stale, due) = (true, false, Instant::now() + PERIOD);
            ask.send(())?;
        }
        let wait = if asked { PERIOD } else { due.saturating_duration_since(Instant::now()) };
        match messages.recv_timeout(wait) {
            Ok(Message::Stop) => return Ok(()),
            Ok(Message::Changed) => stale = true,
            Ok(Message::Seen(Ok(report))) => {
                asked = false;
                if output(&report)?.is_break() {
                    return Ok(());
                }
            }
            Ok(Message::Seen(Err(error))) => {
                let stop = messages.recv_timeout(GRACE).is_ok_and(|message| matches!(message, Message::Stop));
                return if stop || interrupt::requested() { Ok(()) } else { Err(error) };
            }
            // It is time to ask again.
            Err(_) => {}
        }
    }
}

/// Prints what is not as it was the time before, a block or a line of JSON each.
fn changes(json: bool) -> impl FnMut(&Report) -> anyhow::Result<ControlFlow<()>> {
    let mut shown: Option<String> = None;
    move |report| {
        let gist = report.gist();
        if shown.as_ref() == Some(&gist) {
            return Ok(ControlFlow::Continue(()));
        }
        let gap = if json || shown.is_none() { "" } else { "\n" };
        shown = Some(gist);
        let text = if json { serde_json::to_string(report)? } else { page(report).join("\n") };
        Ok(lines(&format!("{gap}{text}\n")))
    }
}

/// The terminal's other screen; the one before comes back when this goes.
struct Screen;

impl Screen {
    fn enter() -> Self {
        // Also without a cursor.
        let _ = bytes(b"\x1b[?1049h\x1b[?25l");
        Self
    }

    fn draw(&self, page: &[String]) -> ControlFlow<()> {
        let size = terminal_size::terminal_size();
        let (width, height) = size.map_or((80, 24), |(width, height)| (usize::from(width.0), usize::from(height.0)));
        bytes(frame(page, width, height).as_bytes())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = bytes(b"\x1b[?25h\x1b[?1049l");
    }
}

/// What draws `page` over what was there, without clearing it first, which would flicker.
fn frame(page: &[String], width: usize, height: usize) -> String {
    let more = format!("… and {} more lines", page.len().saturating_sub(height) + 1);
    let shown = if page.len() > height { height.saturating_sub(1) } else { page.len() };
    let shown = page.iter().take(shown).chain((page.len() > height && height > 0).then_some(&more));
    let shown: Vec<String> = shown.map(|line| format!("{}\u{1b}[K", clipped(line, width))).collect();
    format!("\u{1b}[H{}\u{1b}[J", shown.join("\r\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_fits_every_screen() {
        let page = ["one", "two", "three lines"].map(str::to_owned);
        let shown = |width, height| frame(&page, width, height).replace("\u{1b}[K", "").replace("\r\n", "|");
        assert_eq!(shown(80, 24), "\u{1b}[Hone|two|three lines\u{1b}[J");
        assert_eq!(shown(6, 3), "\u{1b}[Hone|two|three…\u{1b}[J");
        assert_eq!(shown(80, 2), "\u{1b}[Hone|… and 2 more lines\u{1b}[J");
        assert_eq!(shown(1, 1), "\u{1b}[H…\u{1b}[J");
        assert_eq!(shown(0, 0), "\u{1b}[H\u{1b}[J");
    }
}
