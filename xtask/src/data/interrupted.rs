//! A restore that was interrupted: whether there is one, and what there is to say of it.

use std::path::Path;

use backup::{Journal, Phase};

use super::agent;
use crate::lock::Lock;
use crate::stack::Stack;

/// How far a restore is that goes on or was interrupted, where `backups` is the directory of backups. What nobody can read is one that changed something:
/// whoever tries to finish it hears why.
pub(crate) fn phase(backups: &Path) -> Option<Phase> {
    match Journal::read(backups) {
        Ok(journal) => journal.map(|journal| journal.phase),
        Err(_) => Some(Phase::Commit),
    }
}

/// How far a restore of `stack` was when it was interrupted. One that goes on is none.
pub(crate) fn left(stack: &Stack) -> Option<Phase> {
    phase(&agent::directory(stack)).filter(|_| !Lock::is_changing(&stack.project))
}

/// What that means, for people.
pub(crate) fn meaning(phase: Phase) -> &'static str {
    match phase {
        Phase::Staging => "a restore was interrupted before it changed anything; what it left takes room",
        Phase::Commit => "a restore was interrupted while it put data into place: some of it is old, and some is new",
    }
}

/// What finishes or undoes it.
pub(crate) fn fix(flags: &str) -> String {
    format!("`cargo xtask up{flags}` finishes or undoes it, as does the next `backup`, `restore` or `snapshot`")
}
