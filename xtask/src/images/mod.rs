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

/// The name of an image with its tag, as `docker image ls` has it: `latest` where `name` has neither a tag nor a digest.
pub(crate) fn tagged(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or(name);
    if last.contains([':', '@']) { name.to_owned() } else { format!("{name}:latest") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_without_a_tag_is_the_latest() {
        let names = ["redis", "localhost:5000/team/app", "redis:8", "a/b@sha256:1"];
        assert_eq!(names.map(tagged), ["redis:latest", "localhost:5000/team/app:latest", "redis:8", "a/b@sha256:1"]);
    }
}
