//! What a stream may be given: colours or none, text of others made harmless, and how wide it is. Pure, but for [`colours_of`].

mod text;
mod width;

use std::io::IsTerminal;

pub(crate) use self::text::{Colours, readable_bytes, shown, without_colours};
pub(crate) use self::width::{clipped, shortened, width};

/// Whether `stream` gets colours.
pub(crate) fn colours_of(stream: &impl IsTerminal) -> Colours {
    colours(stream.is_terminal(), |name| std::env::var(name).ok())
}

/// Whether lines can be drawn again in place on `stream`.
pub(crate) fn redraws(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && !dumb(|name| std::env::var(name).ok())
}

/// As no-color.org and bixense.com/clicolors have it: `NO_COLOR` first, then what forces colours, then what the terminal can do.
fn colours(terminal: bool, variable: impl Fn(&str) -> Option<String>) -> Colours {
    let set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
    let on = |name: &str| variable(name).is_some_and(|value| !value.is_empty() && value != "0");
    let able = terminal && !dumb(&variable) && variable("CLICOLOR").as_deref() != Some("0");
    if !set("NO_COLOR") && (on("CLICOLOR_FORCE") || on("FORCE_COLOR") || able) { Colours::Kept } else { Colours::Removed }
}

fn dumb(variable: impl Fn(&str) -> Option<String>) -> bool {
    variable("TERM").as_deref() == Some("dumb")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(terminal: bool, variables: &[(&str, &str)]) -> bool {
        let find = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        colours(terminal, find) == Colours::Kept
    }

    #[test]
    fn colours_are_for_terminals_that_want_them() {
        assert!(with(true, &[]) && with(true, &[("TERM", "xterm")]) && !with(false, &[]));
        assert!(!with(true, &[("NO_COLOR", "1")]) && !with(true, &[("NO_COLOR", "0")]));
        assert!(with(true, &[("NO_COLOR", "")]), "an empty variable counts as none");
        assert!(!with(true, &[("TERM", "dumb")]) && !with(true, &[("CLICOLOR", "0")]));
    }

    #[test]
    fn colours_can_be_forced() {
        assert!(
            with(false, &[("CLICOLOR_FORCE", "1")])
                && with(false, &[("FORCE_COLOR", "3")])
                && with(true, &[("TERM", "dumb"), ("FORCE_COLOR", "1")])
        );
        assert!(!with(false, &[("CLICOLOR_FORCE", "0")]) && !with(false, &[("FORCE_COLOR", "")]));
        assert!(!with(true, &[("FORCE_COLOR", "1"), ("NO_COLOR", "1")]), "who wants none is heard first");
    }
}
