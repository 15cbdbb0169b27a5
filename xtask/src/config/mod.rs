//! Typed, validated views of what a person writes in `infra/`.

pub(crate) mod environment;
pub(crate) mod size;
