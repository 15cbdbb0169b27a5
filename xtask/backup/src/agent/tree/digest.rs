//! One digest of a whole tree: of names, attributes and contents, in an order that does not depend on who looked.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{bail, ensure};
use sha2::{Digest as _, Sha256};

use crate::agent::failure::Failure;

/// So long a path below its root may be, in bytes. What unpacks it names it with what is above it, and Linux takes 4095.
const LONGEST: usize = 3840;

/// What a tree is made of. Two trees are the same if and only if these are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Attributes {
    /// What it is.
    pub(crate) shape: Shape,
    /// Permissions, with the set-id and sticky bits.
    pub(crate) mode: u32,
    /// The owner.
    pub(crate) uid: u32,
    /// The group.
    pub(crate) gid: u32,
    /// When the content was last changed: seconds and nanoseconds since 1970.
    pub(crate) mtime: (i64, u32),
    /// Extended attributes, and whether there are access control lists, by name.
    pub(crate) extended: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A file of so many bytes, with this SHA-256.
    File(u64, [u8; 32]),
    /// A directory.
    Directory,
    /// A link to a name.
    Symlink(Vec<u8>),
    /// A pipe.
    Fifo,
    /// A device, which is named but never read: whether it is one of blocks, and its numbers.
    Device(bool, u32, u32),
}

/// An entry as it is met.
pub(crate) enum Node {
    /// Something of its own.
    Own(Attributes),
    /// Another name of what was met before, by the name it was met by.
    Same(Vec<u8>),
}

/// Collects a tree's entries.
#[derive(Default)]
pub(crate) struct Digest {
    /// By the name they were met by first: how they are, and all their names.
    entries: BTreeMap<Vec<u8>, (Attributes, Vec<Vec<u8>>)>,
    /// All other names.
    links: BTreeSet<Vec<u8>>,
    /// Bytes of all files.
    pub(crate) bytes: u64,
    /// Those of them that take room.
    pub(crate) allocated: u64,
    /// Names, with that of the root.
    pub(crate) count: u64,
    /// How the root is.
    pub(crate) root: Option<Attributes>,
}

impl Digest {
    /// Adds an entry by its path below the root, which is empty for the root itself.
    ///
    /// # Errors
    /// When a whole tree has no such entry: its directory or the first of its names is not known, or it is there already; or when it is too far down.
    pub(crate) fn add(&mut self, path: Vec<u8>, node: Node) -> anyhow::Result<()> {
        if path.len() > LONGEST {
            let text = format!("{} is too far down: its path has {} bytes, and {LONGEST} can be restored", shown(&path), path.len());
            return Err(Failure::new(text).hint("move it up, or remove it").into());
        }
        if !path.is_empty() {
            let parent = path.iter().rposition(|byte| *byte == b'/').map_or(&[][..], |slash| &path[..slash]);
            let known = self.entries.get(parent).is_some_and(|(attributes, _)| attributes.shape == Shape::Directory);
            ensure!(known, "{} is in no directory", shown(&path));
        }
        ensure!(!self.entries.contains_key(&path) && !self.links.contains(&path), "{} is there twice", shown(&path));
        self.count += 1;
        match node {
            Node::Own(mut attributes) => {
                if let Shape::File(bytes, _) = attributes.shape {
                    self.bytes += bytes;
                }
                if path.is_empty() {
                    // Whatever is put into a volume changes the time of its root, and our own directory is in it.
                    attributes.mtime = (0, 0);
                    attributes.extended.clear();
                    self.root = Some(attributes.clone());
                }
                self.entries.insert(path.clone(), (attributes, vec![path]));
            }
            Node::Same(first) => match self.entries.get_mut(&first) {
                Some((attributes, names)) if attributes.shape != Shape::Directory => {
                    self.links.insert(path.clone());
                    names.push(path);
                }
                _ => bail!("{} is another name of {}, which is no file", shown(&path), shown(&first)),
            },
        }
        Ok(())
    }

    /// All entries with their attributes: each name of a file is one.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&[u8], &Attributes)> {
        self.entries.values().flat_map(|(attributes, names)| names.iter().map(move |name| (name.as_slice(), attributes)))
    }

    /// A device, if there is one: whoever opens it reaches the machine instead of a file.
    pub(crate) fn device(&self) -> Option<String> {
        self.entries().find(|(_, attributes)| matches!(attributes.shape, Shape::Device(..))).map(|(path, _)| shown(path))
    }

    /// The digest, in hexadecimal.
    pub(crate) fn finish(&self) -> String {
        let mut lines: Vec<(&[u8], [u8; 32])> = Vec::new();
        for (attributes, names) in self.entries.values() {
            // Which of its names a file is met by depends on the order of the walk.
            let Some(first) = names.iter().min() else { continue };
            lines.extend(names.iter().map(|name| (name.as_slice(), if name == first { attributes.hash() } else { link_hash(first) })));
        }
        lines.sort_unstable();
        let mut whole = Sha256::new();
        for (name, hash) in lines {
            field(&mut whole, name);
            whole.update(hash);
        }
        hex(&whole.finalize())
    }
}

impl Attributes {
    fn hash(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        match &self.shape {
            Shape::File(bytes, content) => {
                hash.update(b"f");
                hash.update(bytes.to_be_bytes());
                hash.update(content);
            }
            Shape::Directory => hash.update(b"d"),
            Shape::Symlink(target) => {
                hash.update(b"l");
                field(&mut hash, target);
            }
            Shape::Fifo => hash.update(b"p"),
            Shape::Device(block, major, minor) => {
                hash.update(if *block { b"b" } else { b"c" });
                hash.update(major.to_be_bytes());
                hash.update(minor.to_be_bytes());
            }
        }
        for number in [self.mode, self.uid, self.gid, self.mtime.1] {
            hash.update(number.to_be_bytes());
        }
        hash.update(self.mtime.0.to_be_bytes());
        for (name, value) in &self.extended {
            field(&mut hash, name);
            field(&mut hash, value);
        }
        hash.finalize().into()
    }
}

/// A path as it is told, also where it is kilobytes.
pub(crate) fn shown(path: &[u8]) -> String {
    let text = String::from_utf8_lossy(path);
    let count = text.chars().count();
    if count <= 200 {
        return format!("`{text}`");
    }
    let piece = |skip| text.chars().skip(skip).take(90).collect::<String>();
    format!("`{}[…]{}`", piece(0), piece(count - 90))
}

fn link_hash(first: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"h");
    field(&mut hash, first);
    hash.finalize().into()
}

/// With its length in front: two fields never look like two others.
fn field(hash: &mut Sha256, bytes: &[u8]) {
    hash.update((bytes.len() as u64).to_be_bytes());
    hash.update(bytes);
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: u8) -> Node {
        Node::Own(Attributes {
            shape: Shape::File(1, [content; 32]),
            mode: 0o644,
            uid: 1,
            gid: 2,
            mtime: (3, 4),
            extended: BTreeMap::new(),
        })
    }

    fn directory() -> Node {
        let Node::Own(attributes) = file(0) else { unreachable!("a file is of its own") };
        Node::Own(Attributes { shape: Shape::Directory, ..attributes })
    }

    fn digest(entries: Vec<(&str, Node)>) -> String {
        let mut digest = Digest::default();
        digest.add(Vec::new(), directory()).expect("a root");
        entries.into_iter().try_for_each(|(path, node)| digest.add(path.as_bytes().to_vec(), node)).expect("a tree");
        digest.finish()
    }

    #[test]
    fn the_order_of_the_walk_does_not_matter() {
        assert_eq!(digest(vec![("a", file(1)), ("b", file(2))]), digest(vec![("b", file(2)), ("a", file(1))]));
        assert_ne!(digest(vec![("a", file(1)), ("b", file(2))]), digest(vec![("a", file(2)), ("b", file(1))]));
    }

    #[test]
    fn a_second_name_is_no_copy() {
        let linked = digest(vec![("a", file(1)), ("b", Node::Same(b"a".to_vec()))]);
        assert_eq!(linked, digest(vec![("b", file(1)), ("a", Node::Same(b"b".to_vec()))]));
        assert_ne!(linked, digest(vec![("a", file(1)), ("b", file(1))]));
    }

    #[test]
    fn each_attribute_counts() {
        let change = |change: fn(&mut Attributes)| {
            let Node::Own(mut attributes) = file(1) else { unreachable!("a file is of its own") };
            change(&mut attributes);
            digest(vec![("a", Node::Own(attributes))])
        };
        let changed = [
            change(|_| {}),
            change(|attributes| attributes.mode = 0o600),
            change(|attributes| attributes.uid = 9),
            change(|attributes| attributes.gid = 9),
            change(|attributes| attributes.mtime.0 = 9),
            change(|attributes| attributes.mtime.1 = 9),
            change(|attributes| drop(attributes.extended.insert(b"user.a".to_vec(), b"1".to_vec()))),
            change(|attributes| attributes.shape = Shape::Fifo),
            change(|attributes| attributes.shape = Shape::Directory),
            change(|attributes| attributes.shape = Shape::Device(true, 1, 3)),
            change(|attributes| attributes.shape = Shape::Device(false, 1, 3)),
            change(|attributes| attributes.shape = Shape::Device(false, 1, 5)),
            change(|attributes| attributes.shape = Shape::Symlink(b"b".to_vec())),
        ];
        let different: BTreeSet<&String> = changed.iter().collect();
        assert_eq!(different.len(), changed.len());
    }
    #[test]
    fn what_no_tree_has_is_refused() {
        let refused = |path: &str, node: Node| {
            let mut digest = Digest::default();
            for (path, node) in [("", directory()), ("d", directory()), ("f", file(1))] {
                digest.add(path.as_bytes().to_vec(), node).expect("a tree");
            }
            digest.add(path.as_bytes().to_vec(), node).expect_err("refused").to_string()
        };
        let link = |first: &str| Node::Same(first.as_bytes().to_vec());
        let long = format!("d/{}", "é".repeat(2000));
        let texts = [
            refused("f", file(2)),
            refused("d", link("f")),
            refused("f/g", file(2)),
            refused("x/g", file(2)),
            refused("l", link("nothing")),
            refused("l", link("d")),
            refused(&long, file(2)),
        ];
        insta::assert_snapshot!(texts.join("\n"), @r"
        `f` is there twice
        `d` is there twice
        `f/g` is in no directory
        `x/g` is in no directory
        `l` is another name of `nothing`, which is no file
        `l` is another name of `d`, which is no file
        `d/éééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé[…]éééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééééé` is too far down: its path has 4002 bytes, and 3840 can be restored
        ");
    }
}
