//! Patterns of paths, as `develop.watch` and `.dockerignore` have them. Pure.

use std::path::{Path, PathBuf};

use super::change::slashed;

/// What a build does not see: the patterns of a `.dockerignore`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Excludes {
    /// The directory that the build sees, below the root of the checkout.
    context: PathBuf,
    /// With whether a pattern brings back what those before it leave out.
    patterns: Vec<(bool, String)>,
}

impl Excludes {
    /// The patterns in `text`, the `.dockerignore` of `context`.
    pub(crate) fn parse(context: &Path, text: &str) -> Self {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let pattern = |line: &str| {
            let back = line.starts_with('!');
            (back, line.trim_start_matches('!').trim_start_matches('/').to_owned())
        };
        Self { context: context.to_owned(), patterns: lines.map(pattern).collect() }
    }

    /// Whether `path` (below the root of the checkout) is left out: the last pattern that means it decides.
    pub(crate) fn leave_out(&self, path: &Path) -> bool {
        let Ok(inside) = path.strip_prefix(&self.context) else { return false };
        self.patterns.iter().rev().find(|(_, pattern)| meant(pattern, inside)).is_some_and(|(back, _)| !back)
    }
}

/// Whether `pattern` means `inside` or a directory above it.
pub(super) fn meant(pattern: &str, inside: &Path) -> bool {
    let pattern = pattern.trim_start_matches("./").trim_end_matches('/');
    inside.ancestors().any(|part| !part.as_os_str().is_empty() && matches(pattern, &slashed(part)))
}

/// Whether `text` matches a pattern of a `.dockerignore`: `*` and `?` stay within a part of a path, `**` does not.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.chars().next() {
        None => text.is_empty(),
        Some('*') => match pattern.strip_prefix("**") {
            Some(rest) => {
                let rest = rest.strip_prefix('/').unwrap_or(rest);
                text.char_indices().map(|(at, _)| at).chain([text.len()]).any(|at| matches(rest, &text[at..]))
            }
            None => {
                let end = text.find('/').unwrap_or(text.len());
                text[..end].char_indices().map(|(at, _)| at).chain([end]).any(|at| matches(&pattern[1..], &text[at..]))
            }
        },
        Some('?') => text.chars().next().is_some_and(|first| first != '/' && matches(&pattern[1..], &text[first.len_utf8()..])),
        Some(sign) => text.strip_prefix(sign).is_some_and(|text| matches(&pattern[sign.len_utf8()..], text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_those_of_dockerignore() {
        for (pattern, text) in [
            ("*.md", "a.md"),
            ("**/*.md", "a.md"),
            ("**/*.md", "x/y/a.md"),
            ("a?c", "abc"),
            ("**", "x/y"),
            ("x/**/z", "x/y/z"),
            ("ä*", "äö"),
        ] {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in [("*.md", "x/a.md"), ("a?c", "a/c"), ("a", "ab"), ("", "a"), ("x/*/z", "x/y/y/z")] {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }

    #[test]
    fn the_last_pattern_that_means_a_file_decides() {
        let excludes = Excludes::parse(Path::new("app"), "# built\nnode_modules\n\n/dist/\n*.md\n!README.md\n");
        let all =
            ["app/node_modules/x/y.js", "app/dist/a", "app/CHANGES.md", "app/README.md", "app/src/a.js", "app/src/x.md", "node_modules/x"];
        let out: Vec<&str> = all.into_iter().filter(|path| excludes.leave_out(Path::new(path))).collect();
        assert_eq!(out, ["app/node_modules/x/y.js", "app/dist/a", "app/CHANGES.md"]);
        assert!(Excludes::parse(Path::new(""), "target").leave_out(Path::new("target/x")));
    }
}
