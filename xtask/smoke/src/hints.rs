//! What to do about what is broken, made fit for where the stack is. Pure.

use crate::facts::Facts;
use crate::suite::{Check, Suite};

/// What begins a command of ours in a text.
const COMMAND: &str = "`cargo xtask ";

/// Makes the hints of `suite` fit for the stack of `facts`: commands lead to it, and where it is elsewhere there are none.
pub(crate) fn fit(suite: &mut Suite, facts: &Facts) {
    let here = facts.services.is_some();
    let fitting = |hint: Option<String>, elsewhere: Option<String>| {
        if here { hint.map(|hint| with_flags(&hint, &facts.flags)) } else { elsewhere.or(hint).filter(|hint| !hint.contains(COMMAND)) }
    };
    for (name, component) in &mut suite.components {
        let hint = fitting(component.hint.take(), component.hint_elsewhere.take());
        component.hint = hint.or_else(|| (!here).then(|| format!("look at the logs of `{name}` where the stack runs")));
    }
    let steps = suite.journeys.iter_mut().flat_map(|journey| journey.steps.iter_mut().chain(&mut journey.cleanups));
    for Check { hint, hint_elsewhere, .. } in suite.checks.iter_mut().chain(steps) {
        *hint = fitting(hint.take(), hint_elsewhere.take());
    }
}

/// `hint` with `flags` at the end of each command of ours.
fn with_flags(hint: &str, flags: &str) -> String {
    let mut pieces = hint.split(COMMAND);
    let begin = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(begin, |text, piece| {
        let (command, rest) = piece.split_at(piece.find('`').unwrap_or(piece.len()));
        format!("{text}{COMMAND}{command}{flags}{rest}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::tests::{elsewhere, here};

    const SUITE: &str = "
[components.a]
hint = '`cargo xtask logs a`; `cargo xtask restart a`'
[components.b]
hint = '`cargo xtask logs b`'
hint_elsewhere = 'ask whoever runs b'
[components.c]
hint = 'look at the sky'
[components.d]
[[check]]
name = 'x'
hint = '`cargo xtask secrets rotate`'
[[check]]
name = 'y'
hint = 'close the port'
";

    fn fitted(facts: &Facts) -> Vec<Option<String>> {
        let mut suite = toml::from_str(SUITE).expect("valid");
        fit(&mut suite, facts);
        let components = suite.components.into_values().map(|component| component.hint);
        components.chain(suite.checks.into_iter().map(|check| check.hint)).collect()
    }

    #[test]
    fn commands_lead_to_the_stack() {
        let facts = Facts { flags: " --env test".to_owned(), ..here(&[]) };
        let hints = [
            Some("`cargo xtask logs a --env test`; `cargo xtask restart a --env test`"),
            Some("`cargo xtask logs b --env test`"),
            Some("look at the sky"),
            None,
            Some("`cargo xtask secrets rotate --env test`"),
            Some("close the port"),
        ];
        assert_eq!(fitted(&facts), hints.map(|hint| hint.map(str::to_owned)));
    }

    #[test]
    fn nothing_on_this_machine_is_asked_about_a_stack_elsewhere() {
        let hints = [
            Some("look at the logs of `a` where the stack runs"),
            Some("ask whoever runs b"),
            Some("look at the sky"),
            Some("look at the logs of `d` where the stack runs"),
            None,
            Some("close the port"),
        ];
        assert_eq!(fitted(&elsewhere("https://board.example.com")), hints.map(|hint| hint.map(str::to_owned)));
    }
}
