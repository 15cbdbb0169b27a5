//! Text that others wrote: containers, visitors, files, children. A terminal obeys control characters, so they are shown instead.

use std::borrow::Cow;
use std::fmt::Write as _;

/// What becomes of plain colours, `ESC [ … m`: ours, and those that programs write on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Colours {
    /// They stay, and end with their line.
    Kept,
    /// They are left out.
    Removed,
}

/// No colour has more parameters than fit in this.
const LONGEST: usize = 48;

/// Ends all colours.
const RESET: &str = "\u{1b}[0m";

/// `text` in which nothing moves the cursor, asks the terminal for something, or turns the direction of writing.
///
/// Lines and tabs stay, and colours as `colours` says. Everything else is shown: the control characters of ASCII as `\x1b`, the others as `\u202e`,
/// which is also what JSON writes for them: JSON stays what it is.
pub(crate) fn shown(text: &str, colours: Colours) -> Cow<'_, str> {
    if !text.contains(is_special) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut coloured = false;
    let mut rest = text;
    while let Some(at) = rest.find(|c| c == '\n' || is_special(c)) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(sequence) = colour(rest) {
            if colours == Colours::Kept {
                out.push_str(sequence);
                coloured = !matches!(sequence, "\u{1b}[m" | RESET);
            }
            rest = &rest[sequence.len()..];
            continue;
        }
        let c = rest.chars().next().unwrap_or_default();
        rest = &rest[c.len_utf8()..];
        match c {
            '\n' => {
                end(&mut out, &mut coloured);
                out.push('\n');
            }
            // The end of a line as some systems write it.
            '\r' if rest.is_empty() || rest.starts_with('\n') => {}
            c => show(c, &mut out),
        }
    }
    out.push_str(rest);
    end(&mut out, &mut coloured);
    Cow::Owned(out)
}

fn end(out: &mut String, coloured: &mut bool) {
    if std::mem::take(coloured) {
        out.push_str(RESET);
    }
}

fn show(c: char, out: &mut String) {
    let _ = match c {
        '\r' => out.write_str("\\r"),
        '\0'..='\u{1f}' => write!(out, "\\x{:02x}", u32::from(c)),
        // As JSON has it: two halves.
        c => c.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(out, "\\u{unit:04x}")),
    };
}

/// Whether a terminal would do something else with it than print it.
fn is_special(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        ' '..='~' => false,
        // ASCII's and the second set of control characters.
        c if c.is_control() => true,
        // Marks and overrides of the direction of writing.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}' => true,
        // Ends of lines and paragraphs, and what is there without being seen.
        '\u{2028}' | '\u{2029}' | '\u{200b}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}' => true,
        _ => false,
    }
}

/// The colour that `text` begins with. One that hides text is none.
fn colour(text: &str) -> Option<&str> {
    let inner = text.strip_prefix("\u{1b}[")?;
    let length = inner.bytes().take(LONGEST).take_while(|byte| byte.is_ascii_digit() || matches!(byte, b';' | b':')).count();
    let ends = inner.as_bytes().get(length) == Some(&b'm');
    (ends && !hides(&inner[..length])).then(|| &text[..length + 3])
}

/// Whether one of these parameters makes text invisible; the numbers of colours are no parameters.
fn hides(parameters: &str) -> bool {
    let mut numbers = parameters.split(';');
    while let Some(number) = numbers.next() {
        match number.trim_start_matches('0') {
            "8" => return true,
            "38" | "48" | "58" => match numbers.next() {
                Some("5") => drop(numbers.next()),
                Some("2") => drop(numbers.nth(2)),
                // Terminals do not agree on what comes after it.
                _ => return true,
            },
            _ => {}
        }
    }
    false
}

/// `bytes` without colours and otherwise as they are.
pub(crate) fn without_colours(bytes: &[u8]) -> Cow<'_, [u8]> {
    if !bytes.contains(&0x1b) {
        return Cow::Borrowed(bytes);
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == 0x1b) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        // What follows may be no text at all, and a colour is text.
        let ascii = rest.iter().take(LONGEST + 3).take_while(|byte| byte.is_ascii()).count();
        let sequence = std::str::from_utf8(&rest[..ascii]).ok().and_then(colour).map_or(0, str::len);
        if sequence == 0 {
            out.push(0x1b);
        }
        rest = &rest[sequence.max(1)..];
    }
    out.extend_from_slice(rest);
    Cow::Owned(out)
}

/// `bytes` as text; what is no UTF-8 is shown as `\xe9`.
pub(crate) fn readable_bytes(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        out.push_str(chunk.valid());
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(text: &str) -> Cow<'_, str> {
        shown(text, Colours::Kept)
    }

    #[test]
    fn what_a_terminal_obeys_is_shown() {
        let pairs = [
            ("\u{1b}]0;owned\u{7}\u{1b}[2J", r"\x1b]0;owned\x07\x1b[2J"),
            ("a\u{8}b\u{c}\u{0}", r"a\x08b\x0c\x00"),
            ("50 %\r100 %", r"50 %\r100 %"),
            ("\u{9b}31m \u{9d}0;t\u{9c}", r"\u009b31m \u009d0;t\u009c"),
            ("admin\u{202e}gnp.exe\u{2069}", r"admin\u202egnp.exe\u2069"),
            ("\u{7f}\u{200b}\u{feff}\u{2028}\u{e0041}", r"\u007f\u200b\ufeff\u2028\udb40\udc41"),
            ("\u{1b}[8mhidden\u{1b}[28m", "\\x1b[8mhidden\u{1b}[28m\u{1b}[0m"),
            ("\u{1b}[1;08mhidden", r"\x1b[1;08mhidden"),
            ("\u{1b}[38;8mhidden", r"\x1b[38;8mhidden"),
            ("\u{1b}[31", r"\x1b[31"),
            ("\u{1b}[?25l\u{1b}[>4;2m\u{1b}[1 q\u{1b}c", r"\x1b[?25l\x1b[>4;2m\x1b[1 q\x1bc"),
            ("\u{1b}Pq\u{1b}\\", r"\x1bPq\x1b\"),
        ];
        for (text, expected) in pairs {
            assert_eq!(kept(text), expected, "{text:?}");
            assert!(!kept(text).replace("\u{1b}[28m\u{1b}[0m", "").contains(is_special));
        }
    }

    #[test]
    fn text_of_every_language_stays() {
        for text in ["tab\tand\nlines\n", "Größe 日本語 العربية עברית 👩‍👩‍👧 e\u{301}", "\\x1b is text", "", "a\r\nb\r\n"]
        {
            assert_eq!(kept(text), text.replace('\r', ""));
        }
    }

    #[test]
    fn colours_end_with_their_line() {
        assert_eq!(kept("\u{1b}[1;31mred\nplain"), "\u{1b}[1;31mred\u{1b}[0m\nplain");
        assert_eq!(
            kept("\u{1b}[38;5;8mgrey\u{1b}[m \u{1b}[48:2::8:8:8mx\u{1b}[0m"),
            "\u{1b}[38;5;8mgrey\u{1b}[m \u{1b}[48:2::8:8:8mx\u{1b}[0m"
        );
        assert_eq!(kept("open \u{1b}[32m"), "open \u{1b}[32m\u{1b}[0m");
    }

    #[test]
    fn without_colours_nothing_of_them_is_left() {
        assert_eq!(shown("\u{1b}[1;31mred\u{1b}[0m\n\u{1b}[2K", Colours::Removed), "red\n\\x1b[2K");
    }

    #[test]
    fn what_is_shown_of_json_is_the_same_json() {
        let value = serde_json::json!({ "a": "\u{1b}[31m \u{9b} \u{7f} \u{202e} \u{e0041} é", "b": ["\u{2028}"] });
        let text = value.to_string();
        assert_eq!(serde_json::from_str::<serde_json::Value>(&kept(&text)).expect("JSON"), value);
    }

    #[test]
    fn bytes_stay_but_for_colours() {
        let bytes = b"\x1b[31mred\x1b[0m \x1b]0;t\x07 \xe9 \x1b[2J\r \x1b\xff\x1b";
        assert_eq!(without_colours(bytes).as_ref(), b"red \x1b]0;t\x07 \xe9 \x1b[2J\r \x1b\xff\x1b");
        assert_eq!(without_colours(b"\xff plain").as_ref(), b"\xff plain");
    }

    #[test]
    fn what_is_no_text_is_shown_as_bytes() {
        assert_eq!(readable_bytes(b"caf\xe9 \xf0\x9f ok \xc3\xa9"), "caf\\xe9 \\xf0\\x9f ok é");
    }
}
