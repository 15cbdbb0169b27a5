//! What is secret because of what stands before it: a name, the start of a header, an address, a statement.

use regex_lite::{Captures, Regex};

use super::REDACTED;
use crate::config::hidden::{SECRET, is_a_path};

/// Where what is secret ends when it has no quotes of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// At a blank, or with the string that it is in.
    Word,
    /// With the line, or with the string that it is in.
    Line,
    /// Before the `@` that is the last of the word.
    Host,
}

/// One of them.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    /// What stands before it. Groups with a meaning: `query`, it is a parameter of an address; `name`, which may say that it is a path; `close`, the quote
    /// after a name; `list`, more of them may follow; `quote` and `inner`, those that it begins with; `ssh`, where names are no secrets.
    head: Regex,
    end: End,
}

/// All of them.
pub(super) fn all() -> Vec<Rule> {
    // `"`, as it is or escaped once or more in JSON, or `'`.
    const QUOTE: &str = r#"\\*["']"#;
    let header = format!(r"(?P<close>{QUOTE})?[ \t]*[:=]>?[ \t]*(?P<list>\[\s*)?(?P<quote>{QUOTE})?");
    let query = r"(?:[?&;]|\\u0026)";
    let rules = [
        // The password of an address, to the last `@` of the word: it may have one itself. Or a token in place of a name.
        (r#"://[^/\s:@"']*:"#.to_owned(), End::Host),
        (r"(?P<ssh>ssh)?://".to_owned(), End::Host),
        // What a client proves itself with, to the end of the header: a cookie is many values, and some schemes have many parts.
        (format!(r"(?i)\b(?:set-)?cookie{header}"), End::Line),
        (format!(r"(?i)\bauthorization{header}(?:(?:basic|bearer|digest|token)[ \t:]+)?(?P<inner>{QUOTE})?"), End::Line),
        (r"(?i)\bdigest[ \t]+username\b".to_owned(), End::Line),
        (format!(r"(?i)\bbearer[ \t]+(?P<quote>{QUOTE})?"), End::Word),
        // Whatever is called as secrets are, as a variable, in JSON, YAML or logfmt, as a header or as a parameter.
        (format!(r"(?i)(?P<query>{query})?(?P<name>[\w.-]*(?:{SECRET}|bearer|webhook)[\w.-]*){header}"), End::Word),
        (format!(r"(?i)(?P<query>{query})(?:key|sig|[\w-]*signature)="), End::Word),
        // In a statement that PostgreSQL logs because it is slow, or wrong, on one line or more.
        (r"(?i)\bpassword(?:\s|\\+[nrt])*(?:E|U&)?(?P<quote>\\*'|\$\w*\$)".to_owned(), End::Line),
    ];
    rules.into_iter().filter_map(|(head, end)| Some(Rule { head: Regex::new(&head).ok()?, end })).collect()
}

impl Rule {
    /// `text` without what is secret.
    pub(super) fn apply(&self, text: &str) -> String {
        let (mut out, mut from) = (String::new(), 0);
        while let Some(head) = self.head.captures_at(text, from) {
            let begin = head.get(0).map_or(text.len(), |head| head.end());
            out.push_str(&text[from..begin]);
            from = begin;
            if !head.name("name").is_some_and(|name| is_a_path(name.as_str())) && head.name("ssh").is_none() {
                from = self.take(text, begin, &head, &mut out);
            }
        }
        out + &text[from..]
    }

    /// Puts what stays of the values at `begin` into `out`; where they end.
    fn take(&self, text: &str, begin: usize, head: &Captures<'_>, out: &mut String) -> usize {
        let quote = head.name("quote").or(head.name("inner")).map(|quote| quote.as_str());
        let Some(quote) = quote else {
            let value = &text[begin..begin + self.plain(text, begin, head)];
            // JSON stays JSON; what is no text says nothing.
            let close = head.name("close").map(|close| close.as_str()).unwrap_or_default();
            let stays = ["null", "true", "false", REDACTED].contains(&value) || value.is_empty();
            out.push_str(&if stays { value.to_owned() } else { format!("{close}{REDACTED}{close}") });
            return begin + value.len();
        };
        let mut begin = begin;
        loop {
            let length = quoted(&text[begin..], quote);
            out.push_str(if length == 0 { "" } else { REDACTED });
            begin += length;
            let rest = text[begin..].strip_prefix(quote).filter(|_| head.name("list").is_some());
            let next = rest.and_then(|rest| rest.trim_start().strip_prefix(',')).and_then(|rest| rest.trim_start().strip_prefix(quote));
            let Some(next) = next.map(|next| text.len() - next.len()) else { return begin };
            out.push_str(&text[begin..next]);
            begin = next;
        }
    }

    /// How long the value at `begin` is, which has no quotes.
    fn plain(&self, text: &str, begin: usize, head: &Captures<'_>) -> usize {
        let rest = &text[begin..];
        let line = rest.find(['\r', '\n']).unwrap_or(rest.len());
        let word = rest.find(char::is_whitespace).unwrap_or(rest.len());
        match self.end {
            End::Host => {
                // A token has none of these: a name that a colon follows is none.
                let ends: &[char] =
                    if head.get(0).is_some_and(|head| head.as_str().ends_with("//")) { &['"', '\'', '/', ':'] } else { &['"', '\''] };
                let word = &rest[..rest[..word].find(ends).unwrap_or(word)];
                word.rfind('@').unwrap_or(0)
            }
            End::Line => line.min(string(text, begin)),
            End::Word if head.name("query").is_some() => {
                rest[..word].find(['&', '#', '"', '\'', '\\', '<', '>', ')', ';', ',']).unwrap_or(word)
            }
            // A list, an object, or the part of a path of Rust.
            End::Word if rest.starts_with(['{', '[', ']', ':', ',']) => 0,
            End::Word if head.name("close").is_some() => rest[..word].find([',', '}', ']']).unwrap_or(word).min(string(text, begin)),
            End::Word => rest[..word.min(string(text, begin))].trim_end_matches([',', ';']).len(),
        }
    }
}

/// How long it is to the end of the string that `begin` is in; for ever where it is in none.
fn string(text: &str, begin: usize) -> usize {
    let line = text[..begin].rfind('\n').map_or(0, |at| at + 1);
    let unescaped = |text: &str| {
        let quotes = text.match_indices('"').map(|(at, _)| at);
        quotes.filter(|at| backslashes(&text[..*at]).is_multiple_of(2)).collect::<Vec<_>>()
    };
    if unescaped(&text[line..begin]).len() % 2 == 0 {
        return usize::MAX;
    }
    unescaped(&text[begin..]).first().copied().unwrap_or(usize::MAX)
}

/// How long it is to the `quote` that ends what begins with the same one, or to the end of the line where it is cut off.
fn quoted(text: &str, quote: &str) -> usize {
    if quote.starts_with('$') {
        return text.find(quote).or_else(|| text.find('\n')).unwrap_or(text.len());
    }
    let line = &text[..text.find(['\r', '\n']).unwrap_or(text.len())];
    let depth = quote.len() - 1;
    let mark = &quote[depth..];
    let mut doubled = None;
    for (at, _) in line.match_indices(mark) {
        let escapes = backslashes(&line[..at]);
        if doubled == Some(at) {
            continue;
        }
        // In SQL a quote that is part of the value is doubled, or has a backslash in front of it.
        if quote == "'" && line[at + 1..].starts_with('\'') {
            doubled = Some(at + 1);
            continue;
        }
        let closes = if mark == "'" {
            escapes == depth
        } else {
            // Each time that JSON is put into JSON a backslash becomes two, and a quote gets one more.
            escapes < depth || (escapes - depth).is_multiple_of(2 * (depth + 1))
        };
        if closes {
            return at - escapes.min(depth);
        }
    }
    line.len()
}

/// How many of them `text` ends with.
fn backslashes(text: &str) -> usize {
    text.len() - text.trim_end_matches('\\').len()
}
