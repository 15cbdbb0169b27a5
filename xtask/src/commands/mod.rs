//! Pure builders: each returns the command line for one thing to do, and does nothing itself.

pub(crate) mod compose;
pub(crate) mod engine;
