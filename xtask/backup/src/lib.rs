//! What `cargo xtask` and the backup agent say to each other, and what is written beside a backup.

mod journal;
mod manifest;
mod protocol;
mod savepoint;
pub mod time;

pub use self::journal::{DUMP, Journal, Phase, WORK};
pub use self::manifest::{Archive, Kind, Manifest, Part, SCHEMA, Snapshot, Stored};
pub use self::protocol::{About, Event, Location, Repository, Request, Source};
pub use self::savepoint::{BEFORE_LOAD, BEFORE_RESTORE, Savepoint};
