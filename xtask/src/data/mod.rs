//! The stack's data: backups and save points. What is done to the data itself is done by the backup agent, in a container beside it.

pub(crate) mod agent;
pub(crate) mod interrupted;
pub(crate) mod metrics;
pub(crate) mod retention;
pub(crate) mod store;
