//! Trees as restic lists them: names, kinds, sizes, owners, permissions and times. The same is made of trees that lie here, to compare both.

use anyhow::Context as _;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::agent::tree::{Digest, Shape, hex};

/// The bits of Go's file modes that are no permissions of Unix, and what those are there.
const SPECIAL: [(u32, u32); 3] = [(1 << 23, 0o4000), (1 << 22, 0o2000), (1 << 20, 0o1000)];

/// An entry of a snapshot.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
pub(crate) struct Node {
    /// Its path from the root of the snapshot; bytes that are no UTF-8 are replaced.
    path: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    pub(crate) uid: u32,
    #[serde(default)]
    pub(crate) gid: u32,
    #[serde(default)]
    size: u64,
    #[serde(default)]
    mode: u32,
    mtime: String,
}

impl Node {
    /// The node that a line of `restic ls --json` is; the first line is none.
    ///
    /// # Errors
    /// When it is not what restic writes.
    pub(crate) fn parse(line: &str) -> anyhow::Result<Option<Self>> {
        #[derive(Deserialize)]
        struct Message {
            struct_type: String,
        }
        let message: Message = serde_json::from_str(line).context("restic lists something unknown")?;
        let node = (message.struct_type == "node").then(|| serde_json::from_str(line));
        node.transpose().context("restic lists something unknown")
    }

    /// Permissions as Unix has them.
    pub(crate) fn permissions(&self) -> u32 {
        SPECIAL.iter().filter(|(bit, _)| self.mode & bit != 0).fold(self.mode & 0o777, |mode, (_, special)| mode | special)
    }

    /// Whether it is at `path`.
    pub(crate) fn is(&self, path: &str) -> bool {
        self.path == path
    }

    fn entry(&self, root: &str) -> anyhow::Result<Option<(String, String)>> {
        let name = match self.path.strip_prefix(root) {
            Some("") => "",
            Some(rest) if rest.starts_with('/') => &rest[1..],
            _ => return Ok(None),
        };
        let (kind, mode) = match self.kind.as_str() {
            "file" => (FILE, self.permissions()),
            "dir" => ('d', self.permissions()),
            "symlink" => ('l', 0o777),
            "fifo" => ('p', self.permissions()),
            "socket" => return Ok(None),
            _ => ('b', self.permissions()),
        };
        let size = if kind == FILE { self.size } else { 0 };
        let time = instant(&self.mtime).with_context(|| format!("restic says a time that is none: {}", self.mtime))?;
        Ok(Some((name.to_owned(), description(name, kind, mode, (self.uid, self.gid), size, time))))
    }
}

fn description(name: &str, kind: char, mode: u32, (uid, gid): (u32, u32), size: u64, (seconds, nanoseconds): (i64, u32)) -> String {
    // Whatever is put into a volume changes the time of its root.
    let time = if name.is_empty() { String::new() } else { format!("{seconds}.{nanoseconds:09}") };
    format!("{kind} {mode:o} {uid}:{gid} {size} {time}")
}

/// What there is of one part: names and how they are, in the order of names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Listing(Vec<(String, String)>);

/// What the description of a regular file begins with.
const FILE: char = 'f';

impl Listing {
    /// What is below `root` in a snapshot.
    ///
    /// # Errors
    /// When restic says what it should not.
    pub(crate) fn of(nodes: &[Node], root: &str) -> anyhow::Result<Self> {
        let mut entries: Vec<(String, String)> = Vec::new();
        for node in nodes {
            entries.extend(node.entry(root)?);
        }
        entries.sort_unstable();
        Ok(Self(entries))
    }

    /// What was met in a walk.
    pub(crate) fn walked(tree: &Digest) -> Self {
        let entry = |(name, attributes): (&[u8], &crate::agent::tree::Attributes)| {
            let (kind, size) = match &attributes.shape {
                Shape::File(bytes, _) => (FILE, *bytes),
                Shape::Directory => ('d', 0),
                Shape::Symlink(_) => ('l', 0),
                Shape::Fifo => ('p', 0),
                Shape::Device(..) => ('b', 0),
            };
            let name = lossy(name);
            let described = description(&name, kind, attributes.mode, (attributes.uid, attributes.gid), size, attributes.mtime);
            (name, described)
        };
        let mut entries: Vec<(String, String)> = tree.entries().map(entry).collect();
        entries.sort_unstable();
        Self(entries)
    }

    /// How many regular files there are, each name counted, and their bytes.
    pub(crate) fn files(&self) -> (u64, u64) {
        let size = |described: &str| described.strip_prefix(FILE)?.split(' ').nth(3)?.parse::<u64>().ok();
        self.0.iter().filter_map(|(_, described)| size(described)).fold((0, 0), |(count, bytes), size| (count + 1, bytes + size))
    }

    /// One number for all of it.
    pub(crate) fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for (name, described) in &self.0 {
            hash.update(name);
            hash.update([0]);
            hash.update(described);
            hash.update([0]);
        }
        hex(&hash.finalize())
    }

    /// The names that are not the same in both.
    pub(crate) fn differences(&self, other: &Self) -> Vec<String> {
        let only = |these: &Self, those: &Self| -> Vec<String> {
            let missing = |entry: &&(String, String)| those.0.binary_search(entry).is_err();
            these.0.iter().filter(missing).map(|(name, _)| name.clone()).collect()
        };
        let mut names = [only(self, other), only(other, self)].concat();
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// As restic writes names: each byte that is no UTF-8 becomes a replacement character.
fn lossy(name: &[u8]) -> String {
    name.utf8_chunks().fold(String::new(), |mut text, chunk| {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
        text
    })
}

/// Seconds and nanoseconds since 1970 of `2026-11-22T00:09:26.947073139Z`, also of earlier years and of other zones.
fn instant(text: &str) -> Option<(i64, u32)> {
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let rest = text.get(19..)?;
    let (fraction, zone) = rest.split_at(rest.find(['Z', '+', '-'])?);
    let nanoseconds = match fraction.strip_prefix('.') {
        Some(digits) if (1..=9).contains(&digits.len()) => format!("{digits:0<9}").parse().ok()?,
        Some(_) => return None,
        None => 0,
    };
    let offset = match zone.split_once(':') {
        Some((hours, minutes)) => {
            let sign = if hours.starts_with('-') { -1 } else { 1 };
            sign * (hours.get(1..)?.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60)
        }
        None => 0,
    };
    // Years from March, in eras of 400 years: the leap day is the last of its year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * month + 2) / 5 + day - 1 - 719_468;
    Some((days * 86_400 + number(11..13)? * 3600 + number(14..16)? * 60 + number(17..19)? - offset, nanoseconds))
}

#[cfg(test)]
#[path = "listing_tests.rs"]
mod tests;
