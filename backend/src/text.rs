//! What text people may enter: bounded, visible, and nothing that changes how the text around it looks.

/// Trims and checks one line of text. The error is a sentence for people.
pub fn line(text: &str, max_chars: usize) -> Result<String, String> {
    let line = text.trim_matches(|c: char| c.is_whitespace() || is_invisible(c));
    if line.is_empty() {
        Err("must not be empty".to_owned())
    } else if line.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        Err("must not contain line breaks, tabs or other control characters".to_owned())
    } else {
        bounded(line, max_chars)
    }
}

/// Checks text of many lines. It may be empty.
pub fn lines(text: &str, max_chars: usize) -> Result<String, String> {
    // Forms send line breaks as CRLF.
    let text = text.replace("\r\n", "\n");
    let text = text.trim_end();
    if text.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        return Err("must not contain control characters".to_owned());
    }
    bounded(text, max_chars)
}

fn bounded(text: &str, max_chars: usize) -> Result<String, String> {
    if text.chars().count() > max_chars {
        Err(format!("must have at most {max_chars} characters"))
    } else if text.chars().any(is_override) {
        Err("must not contain characters that turn the direction of text".to_owned())
    } else {
        Ok(text.to_owned())
    }
}

/// Characters without a width of their own; joiners inside of words are legitimate, text of nothing else is not.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{2800}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}')
        || is_override(c)
}

/// Overrides and isolates of the bidirectional algorithm (Unicode UAX 9): they reach beyond the text that contains them.
pub fn is_override(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_trimmed_visible_and_bounded() {
        assert_eq!(line("  Buy milk \n", 200), Ok("Buy milk".to_owned()));
        assert_eq!(line(&"ä".repeat(200), 200), Ok("ä".repeat(200)));
        assert!(line(&"a".repeat(201), 200).unwrap_err().contains("at most 200"));
        for empty in ["", " \t ", "\u{200b}\u{2060}", "\u{202e}", "\u{3164}"] {
            assert_eq!(line(empty, 200).unwrap_err(), "must not be empty", "{empty:?}");
        }
        for bad in ["a\nb", "a\u{2028}b", "a\0b", "a\u{7f}b", "a\u{85}b"] {
            assert!(line(bad, 200).unwrap_err().contains("control characters"), "{bad:?}");
        }
        assert!(line("a\u{202e}b", 200).unwrap_err().contains("direction"));
        assert_eq!(line("👩\u{200d}🔧", 200), Ok("👩\u{200d}🔧".to_owned()), "joiners make emoji");
    }

    #[test]
    fn lines_keep_their_breaks() {
        assert_eq!(lines("a\r\n\tb\n\n", 10), Ok("a\n\tb".to_owned()));
        assert_eq!(lines("", 10), Ok(String::new()));
        assert!(lines("a\0", 10).is_err());
    }
}
