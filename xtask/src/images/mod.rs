//! Images: which there are, and which base images the stack is made from.

pub(crate) mod base;
pub(crate) mod inventory;
pub(crate) mod release;
pub(crate) mod tag;

use std::collections::BTreeMap;

/// Parses the lines `<repository>:<tag> <id>` of `docker image ls`.
pub(crate) fn parse_list(text: &str) -> BTreeMap<String, String> {
    text.lines().filter_map(|line| line.split_once(' ')).map(|(name, id)| (name.to_owned(), id.trim().to_owned())).collect()
}
