//! Questions before something is destroyed.

use std::io::{IsTerminal as _, Write as _};

use crate::interrupt;
use crate::report::{Failure, Interrupted};
use crate::terminal::{Colours, shown};

/// Whether a person agrees to `question`; the default is No. Where nobody can be asked, only `yes` (the flag `--yes`) agrees.
///
/// # Errors
/// When nobody can be asked.
pub(crate) fn confirm(question: &str, yes: bool) -> anyhow::Result<bool> {
    if yes {
        return Ok(true);
    }
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(Failure::new("nobody can be asked: stdin is not a terminal")
            .detail("nothing was changed")
            .hint("`--yes` agrees beforehand")
            .into());
    }
    // Nothing has begun yet: Ctrl-C at the question ends it all.
    interrupt::listen(|| std::process::exit(Interrupted::CODE));
    let mut stderr = std::io::stderr();
    write!(stderr, "{} [y/N] ", shown(question, Colours::Removed))?;
    stderr.flush()?;
    let mut answer = String::new();
    stdin.read_line(&mut answer)?;
    interrupt::listen(|| {});
    Ok(agrees(&answer))
}

fn agrees(answer: &str) -> bool {
    matches!(answer.trim().to_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_agrees() {
        assert!(agrees("y\n") && agrees(" YES \n"));
        assert!(!agrees("\n") && !agrees("") && !agrees("no\n") && !agrees("yep\n"));
    }
}
