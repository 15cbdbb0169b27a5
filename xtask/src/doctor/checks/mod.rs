//! Pure: the verdict on each fact. A check that does not apply here is left out.

mod checkout;
mod data;
mod engine;
mod images;
mod machine;
mod stack;

use super::{Check, Facts};

/// Every check, in the order in which one depends on another.
pub(crate) fn all(facts: &Facts) -> Vec<Check> {
    let rooms = [engine::checks, machine::checks, checkout::checks, images::checks, data::checks, stack::checks];
    rooms.into_iter().flat_map(|room| room(facts)).collect()
}

/// How the engine or a plugin gets there; setup itself says what to do where it cannot help.
fn setup(facts: &Facts) -> String {
    if facts.engine.hangs {
        return "restart the engine, it hangs: `sudo systemctl restart docker`, or Docker Desktop's own menu".to_owned();
    }
    format!("`cargo xtask setup{}`", facts.flags)
}

/// For what the engine did not tell, because of `why`.
fn unknown(name: &'static str, why: &str, facts: &Facts) -> Check {
    if facts.engine.trouble.is_some() {
        return Check::unknown(name, "not known until the engine and Compose answer", setup(facts));
    }
    let again = format!("ask again: `cargo xtask doctor{}`; `docker info` by hand shows how the engine is", facts.flags);
    Check::unknown(name, format!("not known: {}", first_line(why)), again)
}

/// For what only Compose tells: nothing where it answers, and the check of its files says what is wrong with them.
fn untold(name: &'static str, why: &str, facts: &Facts) -> Option<Check> {
    facts.engine.trouble.is_some().then(|| unknown(name, why, facts))
}

/// For what somebody else did not tell, because of `why`.
fn unanswered(name: &'static str, why: &str, facts: &Facts) -> Check {
    let again = format!("ask again when less else runs: `cargo xtask doctor{}`", facts.flags);
    Check::unknown(name, format!("not known: {}", first_line(why)), again)
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[cfg(test)]
mod tests;
