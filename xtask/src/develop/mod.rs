//! The development loop: what changed, what has to happen for it, in which order, and what people and browsers are told about it.
//! Everything that decides is pure; `run` has the threads and the children.

pub(crate) mod crates;
pub(crate) mod cycle;
pub(crate) mod diagnostic;
pub(crate) mod heal;
pub(crate) mod plan;
pub(crate) mod protocol;
pub(crate) mod tell;
