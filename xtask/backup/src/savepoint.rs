//! What is known of a save point: written beside the backups once it is whole.

use serde::{Deserialize, Serialize};

/// One save point.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq, Eq)]
pub struct Savepoint {
    /// [`crate::SCHEMA`] of whoever wrote it.
    pub schema: u32,
    /// Its name.
    pub name: String,
    /// When it was made, as RFC 3339.
    pub created_at: String,
    /// What it has.
    pub parts: Vec<String>,
}
