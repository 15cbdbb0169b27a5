//! A tree in a tar stream, as GNU tar writes it with `--format=posix`: read while it passes by, so that what is digested is what is stored.

mod header;
mod sparse;

use std::collections::BTreeMap;
use std::io::{BufReader, BufWriter, Read, Write};

use anyhow::{Context as _, bail, ensure};
use sha2::{Digest as _, Sha256};

use self::header::{Header, Records, XATTR, decoded, number, parse_records, time};
use self::sparse::Expand;
use super::digest::{Attributes, Digest, Node, Shape, shown};
use crate::agent::place::OWN;
use crate::agent::talk::Meter;

const BLOCK: usize = 512;
/// So much is read and passed on at a time.
const PIECE: usize = 256 << 10;
/// Headers are small: whatever claims more is no archive of ours.
const LARGEST_HEADER: u64 = 4 << 20;

/// Whether the two empty blocks that end an archive are passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Another part follows in the same archive.
    Open,
    /// This is the end.
    Closed,
}

/// Reads a stream to its end, passes it on to `out`, and digests the entries below `prefix`.
///
/// # Errors
/// When the stream is no archive, is cut off, or has something that is not below `prefix` or that no tree has; when `out` does not take it. Whoever
/// unpacks `out` unpacks nothing that is not in the digest.
pub(crate) fn scan(stream: impl Read, out: impl Write, prefix: &str, end: End, meter: &mut Meter) -> anyhow::Result<Digest> {
    // Headers are small, and each of them alone would wake whoever is at the other end of a pipe.
    let (stream, out) = (BufReader::with_capacity(PIECE, stream), BufWriter::with_capacity(PIECE, out));
    let mut scan = Scan { stream, out, buffer: vec![0; PIECE], bytes: 0, allocated: 0, meter };
    let mut digest = Digest::default();
    let mut records = BTreeMap::new();
    loop {
        let mut header = [0; BLOCK];
        match scan.stream.read_exact(&mut header) {
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof && end == End::Open => break,
            read => read.context("the archive is cut off")?,
        }
        if header == [0; BLOCK] {
            scan.rest(end)?;
            break;
        }
        let header = Header::parse(&header).context("this is no tar archive")?.passed_on(&mut scan.out, &header)?;
        match header.kind {
            b'x' => records = parse_records(&scan.collect(header.size)?)?,
            _ => {
                let records = std::mem::take(&mut records);
                let path = below(&header.path(&records), prefix)?;
                let node = scan.node(&header, &records, prefix)?;
                digest.add(path, node)?;
            }
        }
    }
    scan.out.flush()?;
    digest.allocated = scan.allocated;
    Ok(digest)
}

struct Scan<'a, R, W> {
    stream: R,
    out: W,
    buffer: Vec<u8>,
    /// How large the files are that were met.
    bytes: u64,
    /// What is stored of them, with the maps of their holes.
    allocated: u64,
    meter: &'a mut Meter,
}

impl<R: Read, W: Write> Scan<'_, R, W> {
    /// What follows a header, padded to whole blocks, in pieces to `take`.
    fn pass(&mut self, size: u64, mut take: impl FnMut(&[u8])) -> anyhow::Result<()> {
        let mut left = size;
        let mut padding = size.next_multiple_of(BLOCK as u64) - size;
        while left + padding > 0 {
            let count = usize::try_from((left + padding).min(self.buffer.len() as u64))?;
            let piece = &mut self.buffer[..count];
            self.stream.read_exact(piece).context("the archive is cut off")?;
            let content = usize::try_from(left.min(count as u64))?;
            take(&piece[..content]);
            self.out.write_all(piece)?;
            left -= content as u64;
            padding -= (count - content) as u64;
            self.meter.add(content as u64);
            ensure!(!self.meter.is_beyond(), "it has more than its manifest says");
        }
        Ok(())
    }

    fn collect(&mut self, size: u64) -> anyhow::Result<Vec<u8>> {
        ensure!(size <= LARGEST_HEADER, "a header of {size} bytes");
        let mut all = Vec::new();
        self.pass(size, |piece| all.extend_from_slice(piece))?;
        Ok(all)
    }

    /// What follows the end: nothing that counts.
    fn rest(&mut self, end: End) -> anyhow::Result<()> {
        std::io::copy(&mut self.stream, &mut std::io::sink())?;
        if end == End::Closed {
            self.out.write_all(&[0; 2 * BLOCK])?;
        }
        Ok(())
    }

    fn node(&mut self, header: &Header, records: &Records, prefix: &str) -> anyhow::Result<Node> {
        let text = |key: &str| records.get(key.as_bytes()).map(Vec::as_slice);
        let shape = match header.kind {
            b'1' => {
                self.pass(header.size, |_| {})?;
                return Ok(Node::Same(below(text("linkpath").unwrap_or(&header.link), prefix)?));
            }
            b'0' | b'7' | 0 => {
                let stored = number(text("size")).unwrap_or(header.size);
                self.allocated = self.allocated.saturating_add(stored);
                let size = number(text("GNU.sparse.realsize"));
                // A hole costs nobody anything but the patience of those who read it.
                self.bytes = self.bytes.saturating_add(size.unwrap_or(stored));
                ensure!(!self.meter.exceeds(self.bytes), "it has more than its manifest says");
                let (bytes, content) = match size {
                    Some(size) => self.sparse(stored, size)?,
                    None => self.plain(stored)?,
                };
                Shape::File(bytes, content)
            }
            b'2' => Shape::Symlink(text("linkpath").unwrap_or(&header.link).to_vec()),
            b'3' | b'4' => Shape::Device(header.kind == b'4', header.device.0, header.device.1),
            b'5' => Shape::Directory,
            b'6' => Shape::Fifo,
            other => bail!("an entry of the unknown kind `{}`", char::from(other)),
        };
        let mode = if header.kind == b'2' { 0o777 } else { header.mode & 0o7777 };
        let mut extended = BTreeMap::new();
        for (key, value) in records {
            if let Some(name) = key.strip_prefix(XATTR) {
                extended.insert(decoded(name), value.clone());
            } else if let Some(kind) = key.strip_prefix(b"SCHILY.acl.").filter(|_| header.kind != b'2') {
                extended.insert([b"acl.", kind].concat(), Vec::new());
            }
        }
        Ok(Node::Own(Attributes {
            shape,
            mode,
            uid: number(text("uid")).unwrap_or(header.uid),
            gid: number(text("gid")).unwrap_or(header.gid),
            mtime: text("mtime").and_then(time).unwrap_or((header.mtime, 0)),
            extended,
        }))
    }

    fn plain(&mut self, size: u64) -> anyhow::Result<(u64, [u8; 32])> {
        let mut hash = Sha256::new();
        self.pass(size, |piece| hash.update(piece))?;
        Ok((size, hash.finalize().into()))
    }

    /// A file with holes.
    fn sparse(&mut self, stored: u64, size: u64) -> anyhow::Result<(u64, [u8; 32])> {
        let mut expand = Expand::default();
        let mut outcome = Ok(());
        self.pass(stored, |piece| {
            if outcome.is_ok() {
                outcome = expand.take(piece);
            }
        })?;
        outcome?;
        Ok((size, expand.finish(size)?))
    }
}

/// The path below `prefix`, without slashes at its ends.
fn below(path: &[u8], prefix: &str) -> anyhow::Result<Vec<u8>> {
    let path = path.strip_suffix(b"/").unwrap_or(path);
    let rest = path.strip_prefix(prefix.as_bytes()).filter(|rest| rest.is_empty() || rest.starts_with(b"/"));
    let rest = rest.with_context(|| format!("{} is not in `{prefix}`", shown(path)))?;
    let rest = rest.strip_prefix(b"/").unwrap_or(rest);
    let mut names = rest.split(|byte| *byte == b'/');
    ensure!(rest.is_empty() || names.all(|name| !matches!(name, b"" | b"." | b"..")), "{} is not the plain name of anything", shown(path));
    // What is ours is in no backup, and in a volume it is the journal of what happens to it.
    ensure!(rest.split(|byte| *byte == b'/').next() != Some(OWN.as_bytes()), "{} is nothing of the volume", shown(path));
    Ok(rest.to_vec())
}

#[cfg(test)]
mod tests;
