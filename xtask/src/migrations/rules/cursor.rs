//! Reading a statement from left to right.

use super::super::sql::Token;

/// What is left of a statement.
#[derive(Clone, Copy)]
pub(super) struct Cursor<'a> {
    tokens: &'a [Token],
}

impl<'a> Cursor<'a> {
    pub(super) fn new(tokens: &'a [Token]) -> Self {
        Self { tokens }
    }

    pub(super) fn rest(&self) -> &'a [Token] {
        self.tokens
    }

    /// Whether `word` is next.
    pub(super) fn is(&self, word: &str) -> bool {
        self.tokens.first().is_some_and(|token| token.is(word))
    }

    /// Goes over `word` if it is next.
    pub(super) fn eat(&mut self, word: &str) -> bool {
        self.eat_all(&[word])
    }

    /// Goes over `words` if all of them are next.
    pub(super) fn eat_all(&mut self, words: &[&str]) -> bool {
        let here = self.tokens.len() >= words.len() && self.tokens.iter().zip(words).all(|(token, word)| token.is(word));
        if here {
            self.tokens = &self.tokens[words.len()..];
        }
        here
    }

    fn eat_sign(&mut self, sign: char) -> bool {
        let here = self.tokens.first() == Some(&Token::Sign(sign));
        if here {
            self.tokens = &self.tokens[1..];
        }
        here
    }

    fn name(&mut self) -> Option<&'a str> {
        let name = self.tokens.first()?.name()?;
        self.tokens = &self.tokens[1..];
        Some(name)
    }

    /// Goes over a name with its schema; that of `public` is left out.
    pub(super) fn table(&mut self) -> Option<String> {
        let mut parts = vec![self.name()?];
        while self.eat_sign('.') {
            parts.push(self.name()?);
        }
        if parts.len() > 1 && parts[0] == "public" {
            parts.remove(0);
        }
        Some(parts.join("."))
    }

    /// Goes over a list of tables; one whose name cannot be read is nothing.
    pub(super) fn names(&mut self) -> Vec<Option<String>> {
        let mut names = Vec::new();
        loop {
            self.eat("only");
            names.push(self.table());
            self.eat_sign('*');
            if !self.eat_sign(',') {
                return names;
            }
        }
    }

    /// What is left in pieces, cut at the commas that are in no parentheses.
    pub(super) fn pieces(&self) -> Vec<&'a [Token]> {
        let mut depth = 0_usize;
        self.tokens
            .split(|token| {
                match token {
                    Token::Sign('(' | '[') => depth += 1,
                    Token::Sign(')' | ']') => depth = depth.saturating_sub(1),
                    _ => {}
                }
                depth == 0 && *token == Token::Sign(',')
            })
            .collect()
    }

    /// Whether `word` is in what is left, in no further parentheses, and before those end that we are in.
    pub(super) fn has_here(&self, word: &str) -> bool {
        self.find_here(&[word]).is_some()
    }

    /// What follows `words`, where `has_here` would find them.
    pub(super) fn find_here(&self, words: &[&str]) -> Option<Self> {
        let mut depth = 0_usize;
        for (at, token) in self.tokens.iter().enumerate() {
            match token {
                Token::Sign('(') => depth += 1,
                Token::Sign(')') if depth == 0 => return None,
                Token::Sign(')') => depth -= 1,
                _ => {}
            }
            let mut cursor = Self::new(&self.tokens[at..]);
            if depth == 0 && cursor.eat_all(words) {
                return Some(cursor);
            }
        }
        None
    }
}
