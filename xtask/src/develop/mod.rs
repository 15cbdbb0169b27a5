//! The development loop: what changed, what has to happen for it, in which order, and what people and browsers are told about it.
//! Everything that decides is pure; `run` has the threads and the children.

mod aside;
mod carry;
mod change;
mod connect;
pub(crate) mod crates;
pub(crate) mod cycle;
mod deeds;
mod diagnostic;
mod files;
mod leave;
mod message;
mod patterns;
mod picture;
pub(crate) mod plan;
mod proof;
mod protocol;
pub(crate) mod run;
mod settings;
mod sync;
mod tell;
mod tend;
