//! The feed: JSON lines between `cargo xtask dev` and the hub, both ways, through `hub feed` and a Unix socket.

pub(crate) mod bridge;
pub(crate) mod lines;
pub(crate) mod message;
pub(crate) mod socket;
