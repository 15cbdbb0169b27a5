//! SQL in statements and tokens, as PostgreSQL's own scanner takes it apart: what is quoted or commented is no statement.

use std::fmt;

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Script {
    /// The statements, in order, without the empty ones.
    pub(crate) statements: Vec<Statement>,
    /// The texts after `--`, trimmed.
    pub(crate) comments: Vec<String>,
}

/// What stands between two semicolons.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    /// The line of its first token, counted from 1.
    pub(crate) line: usize,
    /// Its tokens, without comments; never none.
    pub(crate) tokens: Vec<Token>,
}

impl Statement {
    /// Whether it only begins or ends a transaction.
    pub(crate) fn is_bare_transaction(&self) -> bool {
        const WORDS: [&str; 7] = ["begin", "commit", "end", "rollback", "start", "transaction", "work"];
        self.tokens.iter().all(|token| WORDS.iter().any(|word| token.is(word)))
    }
}

/// The smallest part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token {
    /// A key word, a name or a number, in lower case.
    Word(String),
    /// A name in `"…"`, as it is.
    Name(String),
    /// A text in `'…'` or `$$…$$`, as it stands there.
    Text(String),
    /// Any other sign.
    Sign(char),
}

impl Token {
    /// Whether it is the key word `word`.
    pub(crate) fn is(&self, word: &str) -> bool {
        matches!(self, Self::Word(own) if own == word)
    }

    /// The name that it is, folded as PostgreSQL does.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Word(name) | Self::Name(name) => Some(name),
            Self::Text(_) | Self::Sign(_) => None,
        }
    }
}

/// What has a beginning and no end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unclosed {
    /// What it is.
    what: &'static str,
    /// Where it begins.
    pub(crate) line: usize,
}

impl fmt::Display for Unclosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} that begins in line {} has no end", self.what, self.line)
    }
}

/// Takes `text` apart.
///
/// # Errors
/// When a quote or a comment has no end.
pub(crate) fn parse(text: &str) -> Result<Script, Unclosed> {
    let mut scanner = Scanner { rest: text.trim_start_matches('\u{feff}'), line: 1 };
    let mut script = Script::default();
    let mut open = Open::default();
    while let Some(c) = scanner.rest.chars().next() {
        let line = scanner.line;
        let token = match c {
            _ if c.is_whitespace() => {
                scanner.take(c.len_utf8());
                continue;
            }
            '-' if scanner.rest.starts_with("--") => {
                let comment = scanner.until_end_of_line();
                script.comments.push(comment[2..].trim().to_owned());
                continue;
            }
            '/' if scanner.rest.starts_with("/*") => {
                scanner.block_comment()?;
                continue;
            }
            '\'' => Token::Text(scanner.quoted("a text", '\'', Backslash::Plain)?),
            '"' => Token::Name(scanner.quoted("a name in `\"`", '"', Backslash::Plain)?),
            '$' => scanner.dollar()?,
            _ if begins_word(c) => {
                let word = scanner.word();
                match (word.as_str(), scanner.rest.chars().next()) {
                    ("e", Some('\'')) => Token::Text(scanner.quoted("a text", '\'', Backslash::Escapes)?),
                    ("b" | "x" | "n", Some('\'')) => Token::Text(scanner.quoted("a text", '\'', Backslash::Plain)?),
                    ("u", Some('&')) if scanner.rest.starts_with("&'") => {
                        scanner.take(1);
                        Token::Text(scanner.quoted("a text", '\'', Backslash::Plain)?)
                    }
                    ("u", Some('&')) if scanner.rest.starts_with("&\"") => {
                        scanner.take(1);
                        Token::Name(scanner.quoted("a name in `\"`", '"', Backslash::Plain)?)
                    }
                    _ => Token::Word(word),
                }
            }
            _ if c.is_ascii_digit() => Token::Word(scanner.number()),
            _ => {
                scanner.take(c.len_utf8());
                Token::Sign(c)
            }
        };
        open.take(token, line, &mut script.statements);
    }
    open.finish(&mut script.statements);
    Ok(script)
}

/// A statement that is not complete yet.
#[derive(Default)]
struct Open {
    tokens: Vec<Token>,
    line: usize,
    /// Open parentheses: a rule has several statements in them.
    parentheses: usize,
    /// Open `BEGIN ATOMIC` and `CASE` in the body of a function.
    blocks: usize,
}

impl Open {
    fn take(&mut self, token: Token, line: usize, done: &mut Vec<Statement>) {
        match &token {
            Token::Sign(';') if self.parentheses == 0 && self.blocks == 0 => return self.finish(done),
            Token::Sign('(') => self.parentheses += 1,
            Token::Sign(')') => self.parentheses = self.parentheses.saturating_sub(1),
            Token::Word(word) if self.is_routine() => match word.as_str() {
                "atomic" if self.tokens.last().is_some_and(|last| last.is("begin")) => self.blocks += 1,
                "case" if self.blocks > 0 => self.blocks += 1,
                "end" => self.blocks = self.blocks.saturating_sub(1),
                _ => {}
            },
            _ => {}
        }
        if self.tokens.is_empty() {
            self.line = line;
        }
        self.tokens.push(token);
    }

    fn is_routine(&self) -> bool {
        let words: Vec<&str> = self.tokens.iter().take(4).filter_map(Token::name).collect();
        matches!(words[..], ["create", "function" | "procedure", ..] | ["create", "or", "replace", "function" | "procedure"])
    }

    fn finish(&mut self, done: &mut Vec<Statement>) {
        let Self { tokens, line, .. } = std::mem::take(self);
        if !tokens.is_empty() {
            done.push(Statement { line, tokens });
        }
    }
}

/// What a backslash in a text means.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Backslash {
    /// Itself.
    Plain,
    /// The next sign is part of the text, whatever it is.
    Escapes,
}

/// The text that is not read yet.
struct Scanner<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Scanner<'a> {
    /// Goes on by so many bytes, and returns them.
    fn take(&mut self, bytes: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }

    fn until_end_of_line(&mut self) -> &'a str {
        self.take(self.rest.find(['\n', '\r']).unwrap_or(self.rest.len()))
    }

    /// Comments nest in PostgreSQL.
    fn block_comment(&mut self) -> Result<(), Unclosed> {
        let line = self.line;
        let mut depth = 0_usize;
        loop {
            if self.rest.starts_with("/*") {
                depth += 1;
                self.take(2);
            } else if self.rest.starts_with("*/") {
                depth -= 1;
                self.take(2);
                if depth == 0 {
                    return Ok(());
                }
            } else {
                let next = self.rest.chars().next().ok_or(Unclosed { what: "a comment", line })?;
                self.take(next.len_utf8());
            }
        }
    }

    /// What stands between two `quote`; a doubled one is part of it.
    fn quoted(&mut self, what: &'static str, quote: char, backslash: Backslash) -> Result<String, Unclosed> {
        let line = self.line;
        self.take(1);
        let mut text = String::new();
        loop {
            let next = self.rest.chars().next().ok_or(Unclosed { what, line })?;
            self.take(next.len_utf8());
            let doubled = next == quote && self.rest.starts_with(quote);
            if next == quote && !doubled {
                return Ok(text);
            }
            if doubled || (next == '\\' && backslash == Backslash::Escapes) {
                let escaped = self.rest.chars().next().ok_or(Unclosed { what, line })?;
                text.push_str(self.take(escaped.len_utf8()));
            } else {
                text.push(next);
            }
        }
    }

    /// `$tag$…$tag$`, or a `$` that begins none, as in `$1`.
    fn dollar(&mut self) -> Result<Token, Unclosed> {
        let line = self.line;
        let tag = self.rest[1..].find(|c| !continues_word(c) || c == '$').unwrap_or(self.rest.len() - 1);
        let delimiter = &self.rest[..=tag];
        let is_tag = self.rest[tag + 1..].starts_with('$') && !delimiter[1..].starts_with(|c: char| c.is_ascii_digit());
        if !is_tag {
            self.take(1);
            return Ok(Token::Sign('$'));
        }
        let delimiter = self.take(tag + 2);
        let end = self.rest.find(delimiter).ok_or(Unclosed { what: "a text in `$`", line })?;
        let text = self.take(end).to_owned();
        self.take(delimiter.len());
        Ok(Token::Text(text))
    }

    /// A `$` may stand in a name, but not begin it.
    fn word(&mut self) -> String {
        self.take(self.rest.find(|c| !continues_word(c)).unwrap_or(self.rest.len())).to_lowercase()
    }

    fn number(&mut self) -> String {
        let end = self.rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.')).unwrap_or(self.rest.len());
        self.take(end).to_lowercase()
    }
}

fn begins_word(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || !c.is_ascii()
}

fn continues_word(c: char) -> bool {
    begins_word(c) || c.is_ascii_digit() || c == '$'
}

#[cfg(test)]
mod tests;
