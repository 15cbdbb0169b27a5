//! The documentation: its links lead somewhere.

use std::path::{Path, PathBuf};

fn pages(dir: &Path) -> Vec<PathBuf> {
    let paths = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let pages = paths.flat_map(|path| if path.is_dir() { pages(&path) } else { vec![path] });
    pages.filter(|path| path.extension().is_some_and(|extension| extension == "md")).collect()
}

/// The targets of `[text](target)` and `src="target"`, outside of code.
fn links(text: &str) -> Vec<String> {
    let code = regex_lite::Regex::new(r"(?s)```.*?```|`[^`\n]*`").expect("a rule");
    let link = regex_lite::Regex::new(r#"\]\(([^)\s]+)[^)]*\)|\bsrc="([^"]+)""#).expect("a rule");
    let text = code.replace_all(text, "");
    link.captures_iter(&text).filter_map(|found| Some(found.get(1).or(found.get(2))?.as_str().to_owned())).collect()
}

#[test]
fn relative_links_lead_to_files() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    let mut pages = pages(&root.join("docs"));
    pages.push(root.join("README.md"));
    let mut broken = Vec::new();
    for page in &pages {
        let text = std::fs::read_to_string(page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
        for link in links(&text) {
            let target = link.split('#').next().unwrap_or_default();
            let outside = target.is_empty() || target.contains("://") || target.starts_with("mailto:");
            if !outside && !page.parent().expect("a directory").join(target).exists() {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "links without a file: {broken:#?}");
}

#[test]
fn links_are_found() {
    let text = "[a](docs/a.md#top) ![b](b.png \"title\") <img src=\"c.png\"> `[d](d.md)`\n```\n[e](e.md)\n```\n";
    assert_eq!(links(text), ["docs/a.md#top", "b.png", "c.png"]);
}
