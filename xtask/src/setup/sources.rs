//! The machine's own package sources: which mirror of its distribution it uses. No mirror's name is ever written in this repository.

use std::path::{Path, PathBuf};

/// One package source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    /// The file it stands in.
    pub(crate) file: PathBuf,
    /// The first of its addresses.
    pub(crate) uri: String,
    suites: Vec<String>,
    components: Vec<String>,
    /// `Signed-By`: a path, or a key block with its line breaks.
    pub(crate) signed_by: Option<String>,
}

/// Reads every source of the apt configuration directory `dir`.
pub(crate) fn read(dir: &Path) -> Vec<Source> {
    let mut files = vec![dir.join("sources.list")];
    let parts = std::fs::read_dir(dir.join("sources.list.d")).into_iter().flatten().flatten();
    files.extend(parts.map(|entry| entry.path()));
    files.sort();
    let texts = files.iter().filter_map(|file| Some((file, std::fs::read_to_string(file).ok()?)));
    texts.flat_map(|(file, text)| parse(file, &text)).collect()
}

/// Reads one file, by its extension; other extensions are what apt ignores too.
pub(crate) fn parse(file: &Path, text: &str) -> Vec<Source> {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("sources") => deb822(file, text),
        Some("list") => text.lines().filter_map(|line| one_line(file, line)).collect(),
        _ => Vec::new(),
    }
}

/// Stanzas of `Field: value`, where an indented line continues the value.
fn deb822(file: &Path, text: &str) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in text.lines().chain([""]) {
        if line.starts_with('#') {
            continue;
        }
        if line.trim().is_empty() {
            sources.extend(stanza(file, &std::mem::take(&mut fields)));
        } else if line.starts_with([' ', '\t']) {
            if let Some((_, value)) = fields.last_mut() {
                value.push('\n');
                value.push_str(line);
            }
        } else if let Some((name, value)) = line.split_once(':') {
            fields.push((name.trim().to_lowercase(), value.trim().to_owned()));
        }
    }
    sources
}

fn stanza(file: &Path, fields: &[(String, String)]) -> Option<Source> {
    let field = |wanted: &str| fields.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    let words = |wanted: &str| field(wanted).unwrap_or_default().split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let enabled = !field("enabled").is_some_and(|value| value.eq_ignore_ascii_case("no") || value.eq_ignore_ascii_case("false"));
    if !enabled || !words("types").iter().any(|kind| kind == "deb") {
        return None;
    }
    Some(Source {
        file: file.to_owned(),
        uri: words("uris").into_iter().next()?,
        suites: words("suites"),
        components: words("components"),
        signed_by: field("signed-by").map(str::to_owned),
    })
}

/// `deb [signed-by=/path arch=amd64] URI SUITE COMPONENT…  # comment`
fn one_line(file: &Path, line: &str) -> Option<Source> {
    let line = line.split('#').next().unwrap_or_default().trim();
    let rest = line.strip_prefix("deb").filter(|rest| rest.starts_with([' ', '\t', '[']))?.trim_start();
    let (options, rest) = match rest.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => ("", rest),
    };
    let mut words = rest.split_whitespace().map(str::to_owned);
    let signed_by = options.split_whitespace().find_map(|option| option.strip_prefix("signed-by="));
    Some(Source {
        file: file.to_owned(),
        uri: words.next()?,
        suites: words.next().into_iter().collect(),
        components: words.collect(),
        signed_by: signed_by.map(str::to_owned),
    })
}

/// The source of the distribution's own packages for the release `codename`. Others may use the same suite and component names,
/// so it has to look like the distribution's: by its key, its path, its file, or because it also serves the release's updates.
pub(crate) fn of_release<'a>(sources: &'a [Source], codename: &str) -> Option<&'a Source> {
    let has_suite = |source: &Source, suite: &str| source.suites.iter().any(|name| name == suite);
    let candidates = sources.iter().filter(|source| {
        let reachable = ["http://", "https://", "mirror+"].iter().any(|scheme| source.uri.starts_with(scheme));
        reachable && has_suite(source, codename) && source.components.iter().any(|component| component == "main")
    });
    let updates = format!("{codename}-updates");
    let score = |source: &Source| {
        let file = source.file.file_name().unwrap_or_default().to_string_lossy();
        [
            source.signed_by.as_deref().is_some_and(|key| key.ends_with("-archive-keyring.gpg") && key.contains("/debian-")),
            source.uri.trim_end_matches('/').ends_with("/debian"),
            ["sources.list", "debian.sources"].contains(&file.as_ref()),
            sources.iter().any(|other| other.uri == source.uri && has_suite(other, &updates)),
        ]
        .into_iter()
        .filter(|sign| *sign)
        .count()
    };
    let signed = candidates.map(|source| (score(source), source)).filter(|(score, _)| *score > 0);
    // Of equals the first one: apt prefers it as well.
    signed.reduce(|best, next| if next.0 > best.0 { next } else { best }).map(|(_, source)| source)
}

/// The source of the security updates of the release `codename`: `trusted` is the source of its packages, and says whose key counts.
pub(crate) fn security_of<'a>(sources: &'a [Source], codename: &str, trusted: &Source) -> Option<&'a Source> {
    let suite = format!("{codename}-security");
    sources.iter().find(|source| {
        let has_main = source.components.iter().any(|component| component == "main");
        has_main && source.suites.contains(&suite) && source.signed_by == trusted.signed_by
    })
}

/// The first address in a file of `mirror+file:` sources, which only apt itself understands; other addresses are what they are.
pub(crate) fn resolve_mirror(uri: &str) -> Option<String> {
    let Some(path) = uri.strip_prefix("mirror+file:") else {
        return Some(uri.to_owned()).filter(|uri| uri.starts_with("http"));
    };
    let list = std::fs::read_to_string(format!("/{}", path.trim_start_matches('/'))).ok()?;
    list.lines().filter_map(|line| line.split_whitespace().next()).find(|word| word.starts_with("http")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STANZAS: &str = "# The distribution\n\
        Types: deb deb-src\n\
        # a snapshot\n\
        URIs: http://mirror.example.org/debian\n\
        Suites: bookworm bookworm-updates\n\
        Components: main contrib\n\
        Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\
        \n\
        Types: deb\n\
        URIs: http://mirror.example.org/debian-security\n\
        Suites: bookworm-security\n\
        Components: main\n\
        \n\
        Enabled: no\n\
        Types: deb\n\
        URIs: http://disabled.example.org/debian\n\
        Suites: bookworm\n\
        Components: main\n";

    fn chosen(files: &[(&str, &str)]) -> Option<(String, Option<String>)> {
        let sources: Vec<Source> = files.iter().flat_map(|(file, text)| parse(Path::new(file), text)).collect();
        of_release(&sources, "bookworm").map(|source| (source.uri.clone(), source.signed_by.clone()))
    }

    #[test]
    fn stanzas_are_read_without_comments_security_and_disabled_ones() {
        let expected = ("http://mirror.example.org/debian".to_owned(), Some("/usr/share/keyrings/debian-archive-keyring.gpg".to_owned()));
        assert_eq!(chosen(&[("debian.sources", STANZAS)]), Some(expected));
    }

    #[test]
    fn one_line_sources_are_read() {
        let text = "# deb http://old.example.org/debian bookworm main\n\
            deb-src http://mirror.example.org/debian bookworm main\n\
            deb cdrom:[Debian 12]/ bookworm main\n\
            deb http://mirror.example.org/debian-security bookworm-security main\n\
            deb [ arch=amd64 signed-by=/etc/apt/keyrings/d.gpg ] https://mirror.example.org/debian/ bookworm main contrib # here\n";
        let expected = ("https://mirror.example.org/debian/".to_owned(), Some("/etc/apt/keyrings/d.gpg".to_owned()));
        assert_eq!(chosen(&[("sources.list", text)]), Some(expected));
    }

    #[test]
    fn third_party_sources_are_not_the_distribution() {
        let vendor = "deb [signed-by=/usr/share/keyrings/vendor.gpg] https://apt.example.org bookworm main\n\
            deb https://packages.example.org/linux/debian bookworm stable\n";
        assert_eq!(chosen(&[("vendor.list", vendor)]), None);
        let both = chosen(&[("a-vendor.list", vendor), ("debian.sources", STANZAS)]).expect("the distribution's");
        assert_eq!(both.0, "http://mirror.example.org/debian");
        assert_eq!(chosen(&[("debian.sources.disabled", STANZAS)]), None, "apt ignores other extensions");
    }

    #[test]
    fn a_mirror_of_ones_own_is_known_by_its_updates() {
        let text = "Types: deb\nURIs: https://proxy.example.org/apt-main\nSuites: bookworm bookworm-updates\nComponents: main\n";
        assert_eq!(chosen(&[("company.sources", text)]), Some(("https://proxy.example.org/apt-main".to_owned(), None)));
    }

    #[test]
    fn a_key_block_keeps_its_lines() {
        let text =
            format!("{}Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQ==\n", STANZAS.split("Signed-By").next().expect("a part"));
        let (_, key) = chosen(&[("debian.sources", &text)]).expect("found");
        assert_eq!(key.as_deref(), Some("\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQ=="));
    }

    #[test]
    fn a_mirror_list_gives_its_first_address() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let list = dir.path().join("debian.list");
        std::fs::write(&list, "# near\nhttps://near.example.org/debian\tpriority:1\nhttps://far.example.org/debian\n").expect("written");
        assert_eq!(resolve_mirror(&format!("mirror+file://{}", list.display())), Some("https://near.example.org/debian".to_owned()));
        assert_eq!(resolve_mirror("http://x.example.org/debian"), Some("http://x.example.org/debian".to_owned()));
        assert_eq!(resolve_mirror("mirror://x.example.org/list"), None);
    }
}
