//! Headers of a tar stream: their blocks, and the records of `--format=posix` that say what does not fit into them.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::{Context as _, ensure};

use super::BLOCK;
use crate::agent::tree::walk::carried;

/// What the key of a record of an extended attribute begins with.
pub(super) const XATTR: &[u8] = b"SCHILY.xattr.";

/// The records of an extended header, by key.
pub(super) type Records = BTreeMap<Vec<u8>, Vec<u8>>;

/// `<length> <key>=<value>\n`, again and again.
pub(super) fn parse_records(mut bytes: &[u8]) -> anyhow::Result<Records> {
    let mut records = BTreeMap::new();
    while !bytes.is_empty() {
        let space = bytes.iter().position(|byte| *byte == b' ').context("a record without a length")?;
        let length = number::<usize>(Some(&bytes[..space])).filter(|length| (space + 2..=bytes.len()).contains(length));
        let (record, rest) = bytes.split_at(length.context("a record with a wrong length")?);
        let record = &record[space + 1..record.len() - 1];
        let equals = record.iter().position(|byte| *byte == b'=').context("a record without a value")?;
        let (key, value) = (&record[..equals], &record[equals + 1..]);
        // What is not understood here may mean something to whoever unpacks it.
        ensure!(understood(key, value), "a record of the unknown kind `{}`", String::from_utf8_lossy(key));
        records.insert(key.to_vec(), value.to_vec());
        bytes = rest;
    }
    Ok(records)
}

fn understood(key: &[u8], value: &[u8]) -> bool {
    const KEYS: [&[u8]; 11] = [
        b"path",
        b"linkpath",
        b"size",
        b"uid",
        b"gid",
        b"mtime",
        // Names of owners are left aside: numbers count.
        b"uname",
        b"gname",
        b"hdrcharset",
        b"GNU.sparse.name",
        b"GNU.sparse.realsize",
    ];
    match key {
        b"GNU.sparse.major" => value == b"1",
        b"GNU.sparse.minor" => value == b"0",
        _ => match key.strip_prefix(XATTR) {
            Some(name) => carried(&decoded(name)),
            None => KEYS.contains(&key) || key.starts_with(b"SCHILY.acl."),
        },
    }
}

/// The name of an extended attribute: in a record it has no `=`.
pub(super) fn decoded(name: &[u8]) -> Vec<u8> {
    let (mut decoded, mut rest) = (Vec::new(), name);
    while let Some((first, others)) = rest.split_first() {
        let (byte, others) = match rest {
            [b'%', b'3', b'D', others @ ..] => (b'=', others),
            [b'%', b'2', b'5', others @ ..] => (b'%', others),
            _ => (*first, others),
        };
        decoded.push(byte);
        rest = others;
    }
    decoded
}

/// What a header block says.
pub(super) struct Header {
    pub(super) name: Vec<u8>,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) size: u64,
    pub(super) mtime: i64,
    pub(super) kind: u8,
    pub(super) link: Vec<u8>,
    /// The numbers of a device.
    pub(super) device: (u32, u32),
}

impl Header {
    pub(super) fn parse(block: &[u8; BLOCK]) -> anyhow::Result<Self> {
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
            device: if matches!(block[156], b'3' | b'4') {
                (u32::try_from(field(329..337)?)?, u32::try_from(field(337..345)?)?)
            } else {
                (0, 0)
            },
        })
    }

    pub(super) fn passed_on(self, out: &mut impl Write, block: &[u8; BLOCK]) -> anyhow::Result<Self> {
        out.write_all(block)?;
        Ok(self)
    }

    pub(super) fn path(&self, records: &Records) -> Vec<u8> {
        let name = records.get(b"GNU.sparse.name".as_slice()).or_else(|| records.get(b"path".as_slice()));
        name.unwrap_or(&self.name).clone()
    }
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

pub(super) fn number<N: std::str::FromStr>(text: Option<&[u8]>) -> Option<N> {
    std::str::from_utf8(text?).ok()?.parse().ok()
}

/// `1795300000.123456789`, also with a minus.
pub(super) fn time(text: &[u8]) -> Option<(i64, u32)> {
    let text = std::str::from_utf8(text).ok()?;
    let (seconds, fraction) = text.split_once('.').unwrap_or((text, ""));
    let nanoseconds: u32 = format!("{fraction:0<9}").get(..9)?.parse().ok()?;
    let whole: i64 = seconds.parse().ok()?;
    // Before 1970 the fraction counts backwards.
    if seconds.starts_with('-') && nanoseconds > 0 { Some((whole - 1, 1_000_000_000 - nanoseconds)) } else { Some((whole, nanoseconds)) }
}
