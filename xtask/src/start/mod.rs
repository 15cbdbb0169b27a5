//! Starting services in order: as soon as what each needs is there, driven by the engine's events.

pub(crate) mod failure;
pub(crate) mod machine;
pub(crate) mod path;
pub(crate) mod run;
pub(crate) mod undo;
