//! `--grep`: a regular expression, preceded by a search for text that every match contains. The small engine behind it is slow on long logs.

use crate::report::Failure;

/// A compiled expression.
#[derive(Clone, Debug)]
pub(crate) struct Grep {
    needed: Vec<String>,
    /// Nothing where a line that has the needed text matches already.
    expression: Option<regex_lite::Regex>,
}

impl Grep {
    /// Compiles `pattern`.
    ///
    /// # Errors
    /// When it is not a regular expression.
    pub(crate) fn new(pattern: &str) -> Result<Self, Failure> {
        let expression = regex_lite::Regex::new(pattern).map_err(|error| {
            Failure::new(format!("`--grep {pattern}` is not a regular expression: {error}"))
                .hint(r"write `\` before a character that is meant as itself, for example `\(`")
        })?;
        let (needed, exact) = needed(pattern);
        Ok(Self { needed, expression: (!exact).then_some(expression) })
    }

    /// Whether a part of `line` matches.
    pub(crate) fn matches(&self, line: &str) -> bool {
        let has = self.needed.is_empty() || self.needed.iter().any(|text| line.contains(text.as_str()));
        has && self.expression.as_ref().is_none_or(|expression| expression.is_match(line))
    }
}

/// Texts of which every match contains one, and whether containing one is all that there is to the pattern. No texts: nothing is known.
fn needed(pattern: &str) -> (Vec<String>, bool) {
    const SPECIAL: &[char] = &['\\', '.', '+', '*', '?', '(', ')', '|', '[', ']', '{', '}', '^', '$'];
    let parts: Vec<&str> = pattern.split('|').collect();
    if !pattern.is_empty() && parts.iter().all(|part| !part.is_empty() && !part.contains(SPECIAL)) {
        return (parts.into_iter().map(str::to_owned).collect(), true);
    }
    if parts.len() > 1 {
        return (Vec::new(), false);
    }
    let mut prefix: String = pattern.chars().take_while(|c| !SPECIAL.contains(c)).collect();
    if matches!(pattern[prefix.len()..].chars().next(), Some('*' | '?' | '{')) {
        prefix.pop();
    }
    (if prefix.is_empty() { Vec::new() } else { vec![prefix] }, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_every_match_contains_is_found() {
        let known = |pattern: &str| needed(pattern);
        assert_eq!(known("ERROR|LOG:"), (vec!["ERROR".to_owned(), "LOG:".to_owned()], true));
        assert_eq!(known(r"status=5\d\d"), (vec!["status=5".to_owned()], false));
        assert_eq!(known("https?://"), (vec!["http".to_owned()], false));
        assert_eq!(known("a{0}b"), (Vec::new(), false));
        assert_eq!(known("a+"), (vec!["a".to_owned()], false));
        for unknown in ["(?i)error", "error (a|b)", "a|", "^x", ""] {
            assert_eq!(known(unknown), (Vec::new(), false), "{unknown}");
        }
    }

    #[test]
    fn it_matches_what_the_expression_matches() {
        let patterns = ["ERROR|LOG:", r"status=5\d\d", "https?://", "a{0}b", "(?i)ERROR", "a|", "", "r.*y$"];
        let lines = ["LOG:  ready", "status=503", "status=200", "http://x", "httpx", "b", "an error", ""];
        for pattern in patterns {
            let (grep, plain) = (Grep::new(pattern).expect("valid"), regex_lite::Regex::new(pattern).expect("valid"));
            for line in lines {
                assert_eq!(grep.matches(line), plain.is_match(line), "{pattern} on {line}");
            }
        }
    }
}
