//! Files with holes in a tar stream, format 1.0 of GNU tar: a map of what there is, in blocks of its own, and then only that.

use anyhow::{Context as _, ensure};
use sha2::{Digest as _, Sha256};

use super::header::number;
use super::{BLOCK, LARGEST_HEADER};
use crate::agent::lifeline;

/// Digests a file with holes as if it had none.
#[derive(Default)]
pub(super) struct Expand {
    map: Vec<u8>,
    /// Segments that are still to come: where they begin and how long they are. Nothing before the map was read.
    segments: Option<std::collections::VecDeque<(u64, u64)>>,
    position: u64,
    hash: Sha256,
}

impl Expand {
    /// Takes the next bytes of what is stored.
    pub(super) fn take(&mut self, mut piece: &[u8]) -> anyhow::Result<()> {
        while self.segments.is_none() && !piece.is_empty() {
            let (block, rest) = piece.split_at((BLOCK - self.map.len() % BLOCK).min(piece.len()));
            self.map.extend_from_slice(block);
            piece = rest;
            if self.map.len().is_multiple_of(BLOCK) {
                self.segments = segments(&self.map)?;
                ensure!(self.map.len() as u64 <= 16 * LARGEST_HEADER, "a map of holes without an end");
            }
        }
        while !piece.is_empty() {
            let segments = self.segments.as_mut().context("a file with holes has no map")?;
            while segments.front().is_some_and(|(_, length)| *length == 0) {
                segments.pop_front();
            }
            let (begin, length) = segments.front_mut().context("a file has more than its map says")?;
            let count = usize::try_from((*length).min(piece.len() as u64))?;
            let hole = begin.checked_sub(self.position).context("the segments of a file are not in order")?;
            zeros(&mut self.hash, hole)?;
            self.hash.update(&piece[..count]);
            *begin += count as u64;
            *length -= count as u64;
            self.position = *begin;
            piece = &piece[count..];
        }
        Ok(())
    }

    /// The digest of the whole file, which has `size` bytes.
    pub(super) fn finish(mut self, size: u64) -> anyhow::Result<[u8; 32]> {
        zeros(&mut self.hash, size.checked_sub(self.position).context("a file is longer than it says")?)?;
        Ok(self.hash.finalize().into())
    }
}

/// The map in `text`, once it is whole: how many segments, and of each where it begins and how long it is, a number a line.
fn segments(text: &[u8]) -> anyhow::Result<Option<std::collections::VecDeque<(u64, u64)>>> {
    let mut lines = text.split_inclusive(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\n"));
    let mut next = || match lines.next() {
        Some(Some(line)) => number(Some(line)).map(Some).context("a map of holes with something else than numbers"),
        _ => Ok(None),
    };
    let Some(count) = next()? else { return Ok(None) };
    let mut segments = std::collections::VecDeque::new();
    for _ in 0..count {
        let (Some(begin), Some(length)) = (next()?, next()?) else { return Ok(None) };
        segments.push_back((begin, length));
    }
    Ok(Some(segments))
}

/// A hole takes no room, so it can be larger than anybody has the patience for.
fn zeros(hash: &mut Sha256, mut count: u64) -> Result<(), lifeline::Gone> {
    static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
    while count > 0 {
        let piece = usize::try_from(count.min(ZEROS.len() as u64)).unwrap_or(ZEROS.len());
        hash.update(&ZEROS[..piece]);
        count -= piece as u64;
        lifeline::check()?;
    }
    Ok(())
}
