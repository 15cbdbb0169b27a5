//! Names of files, as people chose them: cleaned when they come in, encoded when they go out.

use crate::text::is_override;

/// The most characters of a name.
const MAX: usize = 255;

/// A name that may be stored and shown: the last part of a path, without what can deceive or break. The error is a sentence for people.
pub fn file_name(text: &str) -> Result<String, &'static str> {
    let last = text.rsplit(['/', '\\']).next().unwrap_or(text);
    // Marks that turn the reading direction make `exe.txt` of `txt.exe`.
    let name: String = last.chars().filter(|char| !is_bidi_control(*char)).collect();
    // The proxy shows nobody a file whose name begins with a dot.
    let name = name.trim_start_matches(|char: char| char == '.' || char.is_whitespace()).trim_end();
    if name.is_empty() {
        Err("must be a file with a name")
    } else if name.chars().count() > MAX {
        Err("must have a name of at most 255 characters")
    } else if name.chars().any(char::is_control) {
        Err("must not have control characters in its name")
    } else {
        Ok(name.to_owned())
    }
}

/// Also the marks, which are legitimate in running text (Unicode UAX 9).
fn is_bidi_control(char: char) -> bool {
    matches!(char, '\u{61c}' | '\u{200e}' | '\u{200f}') || is_override(char)
}

/// Percent-encodes everything but letters, digits and `-._~`: fit for a part of an address, and for RFC 5987.
pub fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// A `Content-Disposition` (RFC 6266): the name once in ASCII for old clients, once in full. Only encoded text gets into it.
pub fn disposition(inline: bool, name: &str) -> String {
    let plain = |char: char| char.is_ascii_alphanumeric() || matches!(char, ' ' | '-' | '.' | '_' | '(' | ')');
    let ascii: String = name.chars().map(|char| if plain(char) { char } else { '_' }).collect();
    let kind = if inline { "inline" } else { "attachment" };
    format!("{kind}; filename=\"{ascii}\"; filename*=UTF-8''{}", encode(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_tricks_are_taken_off() {
        assert_eq!(file_name("../../etc/passwd").unwrap(), "passwd");
        assert_eq!(file_name(r"C:\Users\me\plan v2.pdf").unwrap(), "plan v2.pdf");
        assert_eq!(file_name("evil\u{202e}txt.exe").unwrap(), "eviltxt.exe");
        assert_eq!(file_name(" Größe.png ").unwrap(), "Größe.png");
        assert_eq!(file_name("../.. .bashrc.txt").unwrap(), "bashrc.txt");
        for bad in ["", "/", "..", "a/..", "\u{202e}", "a\r\nb.txt", "a\0.txt", &"x".repeat(256)] {
            assert!(file_name(bad).unwrap_err().starts_with("must"), "{bad:?}");
        }
    }

    #[test]
    fn headers_take_any_name() {
        assert_eq!(disposition(true, "a b.png"), "inline; filename=\"a b.png\"; filename*=UTF-8''a%20b.png");
        let header = disposition(false, "\"; x=\\ü\u{85}\r\nSet-Cookie: a.txt");
        assert_eq!(
            header,
            "attachment; filename=\"__ x______Set-Cookie_ a.txt\"; filename*=UTF-8''%22%3B%20x%3D%5C%C3%BC%C2%85%0D%0ASet-Cookie%3A%20a.txt"
        );
        assert!(header.is_ascii() && !header.contains(['\r', '\n']));
    }
}
