//! What `cargo xtask test` runs, and what came of it.

pub(crate) mod failures;
pub(crate) mod score;
pub(crate) mod variables;
