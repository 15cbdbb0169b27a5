//! Pure builders: each returns the command line for one thing to do, and does nothing itself.

pub(crate) mod apt;
pub(crate) mod bench;
pub(crate) mod compose;
pub(crate) mod daemon;
pub(crate) mod engine;
pub(crate) mod images;
pub(crate) mod notify;
