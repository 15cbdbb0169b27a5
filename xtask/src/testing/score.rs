//! Counting what passed and failed, over checks of ours and the summaries that cargo's test runner prints.

use std::fmt;

/// How many checks and tests passed and failed so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Score {
    passed: u64,
    failed: u64,
}

impl Score {
    /// Adds one check.
    pub(crate) fn check(&mut self, passed: bool) {
        if passed {
            self.passed += 1;
        } else {
            self.failed += 1;
        }
    }

    /// Adds the tests of a line `test result: ok. 3 passed; 1 failed; …`; other lines add nothing.
    pub(crate) fn line(&mut self, line: &str) {
        let Some(rest) = line.strip_prefix("test result: ") else { return };
        let count = |word: &str| -> u64 {
            let part = rest.split([';', '.']).find_map(|part| part.trim().strip_suffix(word));
            part.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
        };
        self.passed += count("passed");
        self.failed += count("failed");
    }

    /// How many failed since `before`.
    pub(crate) fn failed_since(self, before: Self) -> u64 {
        self.failed - before.failed
    }

    /// Whether nothing failed and something passed: no test at all is no success.
    pub(crate) fn good(self) -> bool {
        self.failed == 0 && self.passed > 0
    }
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_and_checks_add_up() {
        let mut score = Score::default();
        assert!(!score.good(), "nothing was tested");
        score.line("running 3 tests");
        score.line("test result: ok. 57 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s");
        score.check(true);
        assert!(score.good());
        score.line("test result: FAILED. 2 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 3.02s");
        score.check(false);
        assert!(!score.good());
        assert_eq!(score.to_string(), "60 passed, 2 failed");
    }
}
