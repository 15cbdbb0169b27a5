//! The document: CycloneDX 1.5 in JSON. It has no random number and no time but the commit's.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::materials::{Crate, Lock, Materials, Package};
use crate::images::tag::Commit;

/// The image that a document is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    /// Its name, without a tag.
    pub(crate) name: &'a str,
    /// Its tag.
    pub(crate) tag: &'a str,
    /// The commit that it is built from, where it is one.
    pub(crate) commit: Option<&'a Commit>,
}

/// What `subject` consists of, as the text of a JSON file.
pub(crate) fn document(subject: Subject<'_>, materials: &Materials, lock: &Lock) -> String {
    let root = subject.component();
    let mut components: Vec<Value> = materials.rust.iter().map(|version| standard_library(version)).collect();
    components.extend(materials.crates.iter().map(|linked| of_crate(linked, lock)));
    components.extend(materials.packages.iter().map(of_package));
    let parts: Vec<&Value> = components.iter().map(|component| &component["bom-ref"]).collect();
    let mut document = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "tools": { "components": [{ "type": "application", "name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION") }] },
            "component": root,
        },
        "dependencies": [{ "ref": root["bom-ref"], "dependsOn": parts }],
        "components": components,
    });
    if let Some(commit) = subject.commit {
        document["metadata"]["timestamp"] = commit.created().into();
    }
    document["serialNumber"] = serial(&document).into();
    format!("{document:#}\n")
}

impl Subject<'_> {
    fn component(&self) -> Value {
        let purl = format!("pkg:docker/{}@{}", self.name, encoded(self.tag));
        let mut component = json!({ "type": "container", "bom-ref": purl, "purl": purl, "name": self.name, "version": self.tag });
        if let Some(commit) = self.commit {
            component["properties"] = json!([{ "name": "org.opencontainers.image.revision", "value": commit.id }]);
            set_licenses(&mut component, &commit.release.licenses);
            if !commit.release.source.is_empty() {
                component["externalReferences"] = json!([{ "type": "vcs", "url": commit.release.source }]);
            }
        }
        component
    }
}

/// It comes with the compiler, linked into every program.
fn standard_library(version: &str) -> Value {
    let purl = format!("pkg:generic/rust-std@{}", encoded(version));
    let mut component = json!({ "type": "library", "bom-ref": purl, "purl": purl, "name": "rust-std", "version": version });
    component["description"] = "The standard library of Rust, as it comes with rustc".into();
    set_licenses(&mut component, "MIT OR Apache-2.0");
    component
}

fn of_crate(linked: &Crate, lock: &Lock) -> Value {
    let locked = lock.find(&linked.name, &linked.version);
    let git = locked.and_then(|locked| locked.source.as_deref()).filter(|source| source.starts_with("git+"));
    let from = git.map_or(String::new(), |source| format!("?vcs_url={}", encoded(source)));
    let purl = format!("pkg:cargo/{}@{}{from}", linked.name, encoded(&linked.version));
    let mut component = json!({ "type": "library", "bom-ref": purl, "purl": purl, "name": linked.name, "version": linked.version });
    set_licenses(&mut component, &linked.licenses);
    if let Some(checksum) = locked.and_then(|locked| locked.checksum.as_ref()) {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
    }
    component
}

fn of_package(package: &Package) -> Value {
    let Package { distribution, release, name, version, architecture, source, source_version } = package;
    let distro = if release.is_empty() { distribution.clone() } else { format!("{distribution}-{release}") };
    let mut purl = format!("pkg:deb/{distribution}/{}@{}?arch={architecture}&distro={distro}", encoded(name), encoded(version));
    if (source, source_version) != (name, version) {
        // Security notes are about source packages.
        purl.push_str(&format!("&upstream={}", encoded(&format!("{source}@{source_version}"))));
    }
    json!({ "type": "library", "bom-ref": purl, "purl": purl, "name": name, "version": version })
}

fn set_licenses(component: &mut Value, expression: &str) {
    if !expression.is_empty() {
        component["licenses"] = json!([{ "expression": expression }]);
    }
}

/// A number for the document that says nothing but its content: the first half of its digest as a UUID of version 8.
fn serial(document: &Value) -> String {
    let digest = Sha256::digest(document.to_string());
    let mut bytes: [u8; 16] = std::array::from_fn(|index| digest[index]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("urn:uuid:{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// `text` as a part of a package URL.
fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::images::release::Release;

    const LOCK: &str = r#"
        [[package]]
        name = "backend"
        version = "0.1.0"
        [[package]]
        name = "serde"
        version = "1.0.1"
        source = "registry+https://example.com/index"
        checksum = "c98264"
        [[package]]
        name = "patched"
        version = "2.0.0-rc.1+build"
        source = "git+https://example.com/patched?rev=1#1"
    "#;

    fn materials() -> Materials {
        let linked = |name: &str, version: &str, licenses: &str| Crate {
            name: name.to_owned(),
            version: version.to_owned(),
            licenses: licenses.to_owned(),
        };
        let package = |cells: [&str; 7]| {
            let [distribution, release, name, version, architecture, source, source_version] = cells.map(str::to_owned);
            Package { distribution, release, name, version, architecture, source, source_version }
        };
        Materials {
            rust: Some("1.95.0".to_owned()),
            crates: vec![
                linked("backend", "0.1.0", "MIT"),
                linked("patched", "2.0.0-rc.1+build", ""),
                linked("serde", "1.0.1", "MIT OR Apache-2.0"),
            ],
            packages: vec![
                package(["debian", "13", "ca-certificates", "20250419", "all", "ca-certificates", "20250419"]),
                package(["debian", "13", "libgcc-s1", "14.2.0-19", "amd64", "gcc-14", "14.2.0-19"]),
                package(["debian", "", "libx", "1:2.0+deb13u1", "amd64", "libx", "1:2.0"]),
            ],
        }
    }

    fn commit() -> Commit {
        let release = Release { source: "https://example.com/board".to_owned(), version: "0.1.0".to_owned(), licenses: "MIT".to_owned() };
        Commit { id: "0123456789abcdef".to_owned(), time: 1_700_000_000, changed: Vec::new(), release }
    }

    #[test]
    fn a_document_names_everything_that_is_in_the_image() {
        let subject = Subject { name: "registry.example.com/board/backend", tag: "0123456789ab", commit: Some(&commit()) };
        insta::assert_snapshot!(document(subject, &materials(), &Lock::parse(LOCK).expect("valid")));
    }

    #[test]
    fn the_number_of_a_document_is_that_of_its_content() {
        let lock = Lock::parse(LOCK).expect("valid");
        let number = |subject: Subject<'_>, materials: &Materials| {
            let document: Value = serde_json::from_str(&document(subject, materials, &lock)).expect("JSON");
            document["serialNumber"].as_str().expect("a number").to_owned()
        };
        let subject = Subject { name: "slipway/backend", tag: "main", commit: None };
        let first = number(subject, &materials());
        assert_eq!(first, number(subject, &materials()));
        assert_ne!(first, number(Subject { tag: "other", ..subject }, &materials()));
        assert_ne!(first, number(subject, &Materials { rust: None, ..materials() }));
    }

    #[test]
    fn what_no_commit_says_is_left_out() {
        let text = document(Subject { name: "slipway/proxy", tag: "main", commit: None }, &Materials::default(), &Lock::default());
        for absent in ["timestamp", "licenses", "vcs", "revision"] {
            assert!(!text.contains(absent), "{absent}: {text}");
        }
    }
}
