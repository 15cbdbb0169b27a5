//! A tree in a tar stream, as GNU tar writes it with `--format=posix`: read while it passes by, so that what is digested is what is stored.

use std::collections::BTreeMap;
use std::io::{Read, Write};

use anyhow::{Context as _, bail, ensure};
use sha2::{Digest as _, Sha256};

use super::digest::{Attributes, Digest, Node, Shape};
use super::walk::carried;
use crate::agent::talk::Meter;

const BLOCK: usize = 512;
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
/// When the stream is no archive, is cut off, or has something that is not below `prefix`; when `out` does not take it.
pub(crate) fn scan(stream: impl Read, out: impl Write, prefix: &str, end: End, meter: &mut Meter) -> anyhow::Result<Digest> {
    let mut scan = Scan { stream, out, buffer: vec![0; 256 << 10], meter };
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
            b'g' => drop(scan.collect(header.size)?),
            _ => {
                let records = std::mem::take(&mut records);
                let path = below(&header.path(&records), prefix)?;
                let node = scan.node(&header, &records, prefix)?;
                digest.add(path, node);
            }
        }
    }
    scan.out.flush()?;
    Ok(digest)
}

struct Scan<'a, R, W> {
    stream: R,
    out: W,
    buffer: Vec<u8>,
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
                let (bytes, content) = match number(text("GNU.sparse.realsize")) {
                    Some(size) => self.sparse(stored, size)?,
                    None => self.plain(stored)?,
                };
                Shape::File(bytes, content)
            }
            b'2' => Shape::Symlink(text("linkpath").unwrap_or(&header.link).to_vec()),
            b'3' | b'4' => Shape::Device,
            b'5' => Shape::Directory,
            b'6' => Shape::Fifo,
            other => bail!("an entry of the unknown kind `{}`", char::from(other)),
        };
        let mode = if header.kind == b'2' { 0o777 } else { header.mode & 0o7777 };
        let mut extended = BTreeMap::new();
        for (key, value) in records {
            if let Some(name) = key.strip_prefix(b"SCHILY.xattr.").filter(|name| carried(name)) {
                extended.insert(name.to_vec(), value.clone());
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

    /// A file with holes, format 1.0: a map of what there is, in blocks of its own, and then only that.
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

/// Digests a file with holes as if it had none.
#[derive(Default)]
struct Expand {
    map: Vec<u8>,
    /// Segments that are still to come: where they begin and how long they are. Nothing before the map was read.
    segments: Option<std::collections::VecDeque<(u64, u64)>>,
    position: u64,
    hash: Sha256,
}

impl Expand {
    fn take(&mut self, mut piece: &[u8]) -> anyhow::Result<()> {
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
            zeros(&mut self.hash, hole);
            self.hash.update(&piece[..count]);
            *begin += count as u64;
            *length -= count as u64;
            self.position = *begin;
            piece = &piece[count..];
        }
        Ok(())
    }

    fn finish(mut self, size: u64) -> anyhow::Result<[u8; 32]> {
        zeros(&mut self.hash, size.checked_sub(self.position).context("a file is longer than it says")?);
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

fn zeros(hash: &mut Sha256, mut count: u64) {
    static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
    while count > 0 {
        let piece = usize::try_from(count.min(ZEROS.len() as u64)).unwrap_or(ZEROS.len());
        hash.update(&ZEROS[..piece]);
        count -= piece as u64;
    }
}

type Records = BTreeMap<Vec<u8>, Vec<u8>>;

/// `<length> <key>=<value>\n`, again and again.
fn parse_records(mut bytes: &[u8]) -> anyhow::Result<Records> {
    let mut records = BTreeMap::new();
    while !bytes.is_empty() {
        let space = bytes.iter().position(|byte| *byte == b' ').context("a record without a length")?;
        let length = number::<usize>(Some(&bytes[..space])).filter(|length| (space + 2..=bytes.len()).contains(length));
        let (record, rest) = bytes.split_at(length.context("a record with a wrong length")?);
        let record = &record[space + 1..record.len() - 1];
        let equals = record.iter().position(|byte| *byte == b'=').context("a record without a value")?;
        records.insert(record[..equals].to_vec(), record[equals + 1..].to_vec());
        bytes = rest;
    }
    Ok(records)
}

struct Header {
    name: Vec<u8>,
    mode: u32,
    uid: u32,
    gid: u32,
    size: u64,
    mtime: i64,
    kind: u8,
    link: Vec<u8>,
}

impl Header {
    fn parse(block: &[u8; BLOCK]) -> anyhow::Result<Self> {
        let sum: u32 = block.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u32::from(*byte) }).sum();
        ensure!(octal(&block[148..156]) == Some(u64::from(sum)), "a header with a wrong checksum");
        let (name, prefix) = (text(&block[..100]), text(&block[345..500]));
        let name = if prefix.is_empty() || &block[257..263] != b"ustar\0" { name.to_vec() } else { [prefix, b"/", name].concat() };
        let field = |range: std::ops::Range<usize>| octal(&block[range]).context("a header with something else than numbers");
        Ok(Self {
            name,
            mode: u32::try_from(field(100..108)?)?,
            uid: u32::try_from(field(108..116)?)?,
            gid: u32::try_from(field(116..124)?)?,
            size: field(124..136)?,
            mtime: i64::try_from(field(136..148)?)?,
            kind: block[156],
            link: text(&block[157..257]).to_vec(),
        })
    }

    fn passed_on(self, out: &mut impl Write, block: &[u8; BLOCK]) -> anyhow::Result<Self> {
        out.write_all(block)?;
        Ok(self)
    }

    fn path(&self, records: &Records) -> Vec<u8> {
        let name = records.get(b"GNU.sparse.name".as_slice()).or_else(|| records.get(b"path".as_slice()));
        name.unwrap_or(&self.name).clone()
    }
}

/// The path below `prefix`, without slashes at its ends.
fn below(path: &[u8], prefix: &str) -> anyhow::Result<Vec<u8>> {
    let path = path.strip_suffix(b"/").unwrap_or(path);
    let rest = path.strip_prefix(prefix.as_bytes()).filter(|rest| rest.is_empty() || rest.starts_with(b"/"));
    let rest = rest.with_context(|| format!("`{}` is not in `{prefix}`", String::from_utf8_lossy(path)))?;
    let rest = rest.strip_prefix(b"/").unwrap_or(rest);
    ensure!(!rest.split(|byte| *byte == b'/').any(|name| name == b".."), "`{}` leads out of `{prefix}`", String::from_utf8_lossy(path));
    Ok(rest.to_vec())
}

fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn octal(field: &[u8]) -> Option<u64> {
    // Larger numbers than fit are binary, with the first bit set.
    if field.first().is_some_and(|byte| byte & 0x80 != 0) {
        return field[1..].iter().try_fold(u64::from(field[0] & 0x7f), |all, byte| all.checked_mul(256)?.checked_add(u64::from(*byte)));
    }
    let digits = std::str::from_utf8(text(field)).ok()?.trim();
    if digits.is_empty() { Some(0) } else { u64::from_str_radix(digits, 8).ok() }
}

fn number<N: std::str::FromStr>(text: Option<&[u8]>) -> Option<N> {
    std::str::from_utf8(text?).ok()?.parse().ok()
}

/// `1795300000.123456789`, also with a minus.
fn time(text: &[u8]) -> Option<(i64, u32)> {
    let text = std::str::from_utf8(text).ok()?;
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let nanoseconds: u32 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    let whole: i64 = seconds.parse().ok()?;
    // Before 1970 the fraction counts backwards.
    if seconds.starts_with('-') && nanoseconds > 0 { Some((whole - 1, 1_000_000_000 - nanoseconds)) } else { Some((whole, nanoseconds)) }
}

#[cfg(test)]
mod tests;
