//! One range of the file of a backup, read and digested while others read other ranges.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::FileExt as _;

use anyhow::Context as _;
use backup::Stored;
use sha2::{Digest as _, Sha256};

use crate::agent::tree::hex;

/// A range of a file, which several read at the same time: the place where a file is read next is one for all.
pub(super) struct Section<'a> {
    file: &'a File,
    offset: u64,
    left: u64,
}

impl<'a> Section<'a> {
    /// What `range` of `file` is.
    pub(super) fn new(file: &'a File, range: &Stored) -> Self {
        Self { file, offset: range.offset, left: range.bytes }
    }
}

impl Read for Section<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let count = self.file.read_at(&mut buffer[..most], self.offset)?;
        self.offset += count as u64;
        self.left -= count as u64;
        Ok(count)
    }
}

/// Feeds `to` with all of `from`, also after it does not take any more; says how much it was, and its digest.
pub(super) fn feed(mut from: Section<'_>, to: &mut impl Write) -> anyhow::Result<(u64, String)> {
    let (mut hash, mut bytes, mut buffer, mut taken) = (Sha256::new(), 0, vec![0; 256 << 10], true);
    loop {
        let count = from.read(&mut buffer).context("cannot read the backup")?;
        if count == 0 {
            return Ok((bytes, hex(&hash.finalize())));
        }
        hash.update(&buffer[..count]);
        bytes += count as u64;
        taken = taken && to.write_all(&buffer[..count]).is_ok();
    }
}
