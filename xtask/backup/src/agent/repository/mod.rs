//! Backups in a repository of restic: deduplicated, encrypted, a directory or somewhere else. What is captured, and how it takes its place again, is the
//! same as for files.

mod kept;
mod listing;
mod locks;
mod notes;
mod restic;
mod said;
mod snapshot;
mod state;
mod store;

pub(crate) use self::kept::{Kept, forget as forget_dump};
pub(crate) use self::notes::{forget, list};
pub(crate) use self::snapshot::{Opened, verify};
pub(crate) use self::store::create;
