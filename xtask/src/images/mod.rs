//! Images: which there are, which base images the stack is made from, what is in them, and archives of them.

pub(crate) mod archive;
pub(crate) mod base;
pub(crate) mod inventory;
pub(crate) mod needed;
pub(crate) mod release;
pub(crate) mod sbom;
pub(crate) mod tag;

use std::collections::BTreeMap;

/// Parses the lines `<repository>:<tag> <id>` of `docker image ls`.
pub(crate) fn parse_list(text: &str) -> BTreeMap<String, String> {
    text.lines().filter_map(|line| line.split_once(' ')).map(|(name, id)| (name.to_owned(), id.trim().to_owned())).collect()
}
