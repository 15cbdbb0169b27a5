//! What is known of a save point: written beside the backups once it is whole.

use serde::{Deserialize, Serialize};

/// What is in use becomes this one when a backup is restored.
pub const BEFORE_RESTORE: &str = "before-restore";
/// What is in use becomes this one when a save point is loaded.
pub const BEFORE_LOAD: &str = "before-load";

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

impl Savepoint {
    /// Whether it says only what one of ours says: terminals obey what is shown.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        let mut texts = [&self.name, &self.created_at].into_iter().chain(&self.parts);
        self.schema <= crate::SCHEMA && texts.all(|text| !text.contains(char::is_control))
    }
}
