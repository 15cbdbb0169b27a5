//! A file on its way in: written beside the complete ones, counted and hashed, and either kept as a whole or removed.
use super::{FileType, Media, Shelf, blocking};
use axum::BoxError;
use axum::body::Bytes;
use futures_util::{Stream, StreamExt};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;
use std::pin::pin;
use tokio::runtime::Handle;
use uuid::Uuid;

/// So much is collected before a thread that may wait for the disk hashes and writes it.
const CHUNK: usize = 512 * 1024;
/// So much is looked at to find out what a file is.
const HEAD: usize = 4096;

/// A file that is being written. Dropping it removes it.
#[derive(Debug)]
pub struct Incoming {
    media: Media,
    path: PathBuf,
    // Away while a thread writes.
    sink: Option<Sink>,
    buffer: Vec<u8>,
    bytes: u64,
}

#[derive(Debug)]
struct Sink {
    file: File,
    hash: Sha256,
}

/// What was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its size.
    pub bytes: u64,
    /// SHA-256, 64 hexadecimal digits.
    pub sha256: String,
}

impl Incoming {
    /// Begins a file.
    pub async fn create(media: &Media) -> io::Result<Self> {
        let (dir, id) = (media.incoming(), Uuid::now_v7());
        let path = dir.join(id.to_string());
        let target = path.clone();
        let file = blocking(move || {
            fs::create_dir_all(dir)?;
            File::create_new(target)
        })
        .await?;
        let sink = Some(Sink { file, hash: Sha256::new() });
        Ok(Incoming { media: media.clone(), path, sink, buffer: Vec::with_capacity(CHUNK), bytes: 0 })
    }

    /// Appends.
    pub async fn write(&mut self, data: &[u8]) -> io::Result<()> {
        self.bytes += data.len() as u64;
        self.buffer.extend_from_slice(data);
        if self.buffer.len() >= CHUNK { self.flush(false).await } else { Ok(()) }
    }

    /// Makes it durable and puts it on its shelf, in place of an earlier file with this id.
    pub async fn keep(mut self, shelf: Shelf, id: Uuid) -> io::Result<Stored> {
        self.flush(true).await?;
        let hash = self.sink.take().map(|sink| sink.hash.finalize()).unwrap_or_default();
        let (from, to) = (self.path.clone(), self.media.path(shelf, id));
        blocking(move || {
            let dir = to.parent().unwrap_or(&to);
            fs::create_dir_all(dir)?;
            fs::rename(from, &to)?;
            // Without this, a power failure could take the names of file and directory back.
            dir.ancestors().take(3).try_for_each(|dir| File::open(dir)?.sync_all())
        })
        .await?;
        Ok(Stored { bytes: self.bytes, sha256: format!("{hash:x}") })
    }

    async fn flush(&mut self, sync: bool) -> io::Result<()> {
        let mut sink = self.sink.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut buffer = std::mem::take(&mut self.buffer);
        let work = move || {
            sink.hash.update(&buffer);
            sink.file.write_all(&buffer)?;
            if sync {
                sink.file.sync_all()?;
            }
            buffer.clear();
            Ok((sink, buffer))
        };
        let (sink, buffer) = blocking(work).await?;
        (self.sink, self.buffer) = (Some(sink), buffer);
        Ok(())
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        let path = std::mem::take(&mut self.path);
        // After a rename there is nothing to remove. Where no thread can be had, the process ends: what is left is removed as an orphan.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn_blocking(move || fs::remove_file(path));
        }
    }
}

/// Why an upload was not received.
#[derive(Debug)]
pub enum ReceiveError {
    /// Larger than an attachment may be.
    TooLarge,
    /// Not what its name says.
    WrongType,
    /// The sender broke off, was too slow, or sent what is no form.
    Broken(BoxError),
    /// The disk failed us, or is full.
    Disk(io::Error),
}

impl From<io::Error> for ReceiveError {
    fn from(error: io::Error) -> Self {
        ReceiveError::Disk(error)
    }
}

impl Media {
    /// Receives an upload, whose stream bounds how long it may take. What it is was told by its name; its first bytes must agree.
    pub async fn receive<E: Into<BoxError>>(
        &self,
        stream: impl Stream<Item = Result<Bytes, E>>,
        file_type: &FileType,
    ) -> Result<Incoming, ReceiveError> {
        let mut stream = pin!(stream);
        let mut incoming = Incoming::create(self).await?;
        let mut head = Vec::with_capacity(HEAD);
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|error| ReceiveError::Broken(error.into()))?;
            if incoming.bytes + chunk.len() as u64 > self.max_attachment_bytes {
                return Err(ReceiveError::TooLarge);
            }
            if head.len() < HEAD {
                head.extend(chunk.iter().take(HEAD - head.len()));
                if head.len() == HEAD && !file_type.matches(&head, false) {
                    return Err(ReceiveError::WrongType);
                }
            }
            incoming.write(&chunk).await?;
        }
        if head.len() < HEAD && !file_type.matches(&head, true) {
            return Err(ReceiveError::WrongType);
        }
        Ok(incoming)
    }
}
