//! How many columns text takes on a terminal, and text that fits.

use super::text::{Colours, shown};

/// How many columns `text`, of one line, takes.
pub(crate) fn width(text: &str) -> usize {
    cells(text).map(|(_, width)| width).sum()
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

/// Each character of `text`: where it ends and how many columns it takes.
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
            c => columns(c),
        };
        (at + c.len_utf8(), width)
    })
}

/// The columns of one character, as terminals have it.
fn columns(c: char) -> usize {
    match c {
        ' '..='~' => 1,
        c if c.is_control() => 0,
        // What is put onto the letter before it, or joins pictures.
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5bd}' | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' => 0,
        '\u{93c}' | '\u{941}'..='\u{948}' | '\u{94d}' | '\u{e31}' | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}' => 0,
        '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{200b}'..='\u{200d}' | '\u{20d0}'..='\u{20f0}' => 0,
        '\u{3099}'
        | '\u{309a}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{fe20}'..='\u{fe2f}'
        | '\u{1f3fb}'..='\u{1f3ff}'
        | '\u{e0100}'..='\u{e01ef}' => 0,
        // East Asian letters and pictures take two columns.
        '\u{1100}'..='\u{115f}' | '\u{2e80}'..='\u{a4cf}' | '\u{a960}'..='\u{a97c}' | '\u{ac00}'..='\u{d7a3}' | '\u{f900}'..='\u{faff}' => {
            2
        }
        '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        '\u{231a}'
        | '\u{231b}'
        | '\u{23e9}'..='\u{23ec}'
        | '\u{26a1}'
        | '\u{2705}'
        | '\u{274c}'
        | '\u{2753}'..='\u{2755}'
        | '\u{2795}'..='\u{2797}'
        | '\u{2b50}' => 2,
        _ => 1,
    }
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
        assert_eq!(clipped("one\ntwo", 20), "one");
        assert_eq!(clipped("x", 0), "");
        assert_eq!(clipped("\u{1b}[2Jx", 20), "\\x1b[2Jx");
        assert_eq!(clipped("\u{1b}[2Jx", 5), "\\x1b…");
    }

    #[test]
    fn marks_take_no_room() {
        assert_eq!(["e\u{301}", "✅", "👍🏽", "ﬁ", "ก็"].map(width), [1, 2, 2, 1, 1]);
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
