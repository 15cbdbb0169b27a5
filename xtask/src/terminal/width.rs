//! How many columns text takes on a terminal, and text that fits.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::text::{Colours, shown};

/// How many columns `text`, of one line, takes.
pub(crate) fn width(text: &str) -> usize {
    shown(text, Colours::Removed).width()
}

/// The begin of `text` that fits in `room` columns, on one line and harmless; colours take no room and end with it.
pub(crate) fn clipped(text: &str, room: usize) -> String {
    let text = line(text);
    if width(&text) <= room {
        return text;
    }
    let mut used = 0;
    let fits = cells(&text).take_while(|(_, width)| {
        used += width;
        used < room
    });
    let end = fits.last().map_or(0, |(end, _)| end);
    let reset = if text[..end].contains('\u{1b}') { "\u{1b}[0m" } else { "" };
    let more = if room == 0 { "" } else { "…" };
    format!("{}{reset}{more}", &text[..end])
}

/// `path` in `room` columns, without its middle: its begin says where, its end what.
pub(crate) fn shortened(path: &str, room: usize) -> String {
    let path = shown(path.lines().next().unwrap_or_default(), Colours::Removed).into_owned();
    if width(&path) <= room {
        return path;
    }
    // The end says more: the name of a file.
    let head = room.saturating_sub(1) / 3;
    let tail = room.saturating_sub(1) - head;
    let (mut used, mut begin) = (0, 0);
    for (end, width) in cells(&path) {
        used += width;
        if used > head {
            break;
        }
        begin = end;
    }
    let all: Vec<(usize, usize)> = cells(&path).collect();
    let mut from = path.len();
    let mut used = 0;
    for (index, (_, width)) in all.iter().enumerate().rev() {
        used += width;
        if used > tail {
            break;
        }
        from = if index == 0 { 0 } else { all[index - 1].0 };
    }
    let more = if room == 0 { "" } else { "…" };
    format!("{}{more}{}", &path[..begin], &path[from..])
}

fn line(text: &str) -> String {
    shown(text.lines().next().unwrap_or_default(), Colours::Kept).into_owned()
}

/// Each character of `text`: where it ends and how many columns it takes by itself. Joined to others it takes fewer.
fn cells(text: &str) -> impl Iterator<Item = (usize, usize)> {
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
            // It turns the sign before it into a picture of two columns.
            '\u{fe0f}' => 1,
            c => c.width().unwrap_or(0),
        };
        (at + c.len_utf8(), width)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clipped_line_never_takes_two() {
        assert_eq!(clipped("fits exactly", 12), "fits exactly");
        assert_eq!(clipped("does not fit here", 8), "does no…");
        assert_eq!(clipped("\u{1b}[32mgreen\u{1b}[0m", 5), "\u{1b}[32mgreen\u{1b}[0m");
        assert_eq!(clipped("\u{1b}[32mgreen light\u{1b}[0m", 6), "\u{1b}[32mgreen\u{1b}[0m…");
        assert_eq!(clipped("日本語", 6), "日本語");
        assert_eq!(clipped("日本語", 5), "日本…");
        assert_eq!(clipped("⚠\u{fe0f}⚠\u{fe0f}", 3), "⚠\u{fe0f}…");
        assert_eq!(clipped("one\ntwo", 20), "one");
        assert_eq!(clipped("x", 0), "");
        assert_eq!(clipped("\u{1b}[2Jx", 20), "\\x1b[2Jx");
        assert_eq!(clipped("\u{1b}[2Jx", 5), "\\x1b…");
    }

    #[test]
    fn marks_take_no_room() {
        assert_eq!(["e\u{301}", "✅", "👍🏽", "⚠\u{fe0f}", "ﬁ", "ก็"].map(width), [1, 2, 2, 2, 1, 1]);
    }

    #[test]
    fn a_path_loses_its_middle() {
        assert_eq!(shortened("backend/src/main.rs", 19), "backend/src/main.rs");
        assert_eq!(shortened("backend/src/http/board/main.rs", 16), "backe…rd/main.rs");
        assert_eq!(shortened("文書/とても長い名前のファイル.rs", 12), "文…イル.rs");
        assert_eq!(shortened("a\u{1b}[31m/b\nc", 20), "a/b");
        for room in 0..30 {
            assert!(width(&shortened("文書/とても長い名前のファイル/backend.rs", room)) <= room, "{room}");
        }
    }
}
