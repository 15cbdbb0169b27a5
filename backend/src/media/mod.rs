//! Files in the media directory: uploads and exports, how they come in, where they lie, and how what belongs to nobody is removed.
//!
//! `incoming/<id>` is being written, `attachments/<xx>/<id>` and `exports/<xx>/<id>` are complete (`xx`: the last two digits of the id, which are
//! random). Invariants: no name that a user chose is ever part of a path; a file is complete and durable before a row mentions it.
mod incoming;
mod names;
pub mod orphans;
mod types;

pub use self::incoming::{Incoming, ReceiveError, Stored};
pub use self::names::{disposition, encode, file_name};
pub use self::types::{FileType, accepted};

use crate::config::MediaConfig;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::task::spawn_blocking;
use uuid::Uuid;

/// The kinds of complete files. Each is a directory, and a table with the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shelf {
    /// What people attach to tasks.
    Attachments,
    /// What people export.
    Exports,
}

impl Shelf {
    const fn name(self) -> &'static str {
        match self {
            Shelf::Attachments => "attachments",
            Shelf::Exports => "exports",
        }
    }
}

/// The media directory. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Media {
    dir: Arc<Path>,
    /// The largest attachment.
    pub max_attachment_bytes: u64,
}

impl Media {
    /// The directory of a configuration. Nothing is touched yet.
    pub fn new(config: &MediaConfig) -> Self {
        Media { dir: config.dir.as_path().into(), max_attachment_bytes: config.max_attachment_bytes }
    }

    /// Where a complete file lies.
    pub fn path(&self, shelf: Shelf, id: Uuid) -> PathBuf {
        self.dir.join(shelf.name()).join(fan(id)).join(id.to_string())
    }

    /// The address under which the proxy finds a complete file: for `X-Accel-Redirect`.
    pub fn internal_address(shelf: Shelf, id: Uuid) -> String {
        format!("/_media/{}/{}/{id}", shelf.name(), fan(id))
    }

    /// Removes a complete file, if it is there.
    pub async fn remove(&self, shelf: Shelf, id: Uuid) -> io::Result<()> {
        let path = self.path(shelf, id);
        blocking(move || match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        })
        .await
    }

    fn incoming(&self) -> PathBuf {
        self.dir.join("incoming")
    }
}

/// The directory of an id: 256 of them keep each one small.
fn fan(id: Uuid) -> String {
    format!("{:02x}", id.as_bytes()[15])
}

/// Runs work on files where it makes nobody wait.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    spawn_blocking(work).await.unwrap_or_else(|error| Err(io::Error::other(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_made_of_ids() {
        let media = Media::new(&MediaConfig { dir: "/srv/media".into(), max_attachment_bytes: 1 });
        let id: Uuid = "0198f1a0-1111-7222-8333-4444555566af".parse().unwrap();
        assert_eq!(media.path(Shelf::Exports, id), Path::new("/srv/media/exports/af/0198f1a0-1111-7222-8333-4444555566af"));
        let address = Media::internal_address(Shelf::Attachments, id);
        assert_eq!(address, "/_media/attachments/af/0198f1a0-1111-7222-8333-4444555566af");
    }
}
