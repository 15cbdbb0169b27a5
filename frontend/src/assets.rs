//! Assets: files of `static/`, each also under a name that changes with its content, so that browsers may keep them for ever.
//!
//! A reference between two assets is written `"./name.ext"` and is rewritten to the fingerprinted name when they are loaded.
//! (An import map would do the same for modules, but it is an inline script, which the content security policy forbids.)

use std::collections::BTreeMap;
use std::path::Path;

use axum::body::Bytes;
use sha2::{Digest as _, Sha256};

/// How many hexadecimal digits of the SHA-256 go into a name.
const FINGERPRINT_LENGTH: usize = 12;

/// All assets, by the name of their file.
#[derive(Debug, Default)]
pub struct Assets(BTreeMap<String, Asset>);

/// One file, ready to be sent.
#[derive(Debug)]
pub struct Asset {
    /// What is sent: the file with its references rewritten.
    pub content: Bytes,
    /// The value of `Content-Type`.
    pub content_type: &'static str,
    /// The first digits of the SHA-256 of `content`.
    pub fingerprint: String,
}

/// How long a browser may keep what it got under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// The name stands for this content and no other.
    Immutable,
    /// The content under this name may change.
    Revalidate,
}

/// Why the assets cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AssetError {
    /// The directory or a file in it cannot be read.
    #[error("`{path}` cannot be read: {source}; set `ASSETS_DIR` to the directory that contains `static/` and `templates/`")]
    Unreadable {
        /// What was to be read.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The kind of a file is not known.
    #[error("`{0}` has an extension without a known content type; add it to `content_type` in `frontend/src/assets.rs`")]
    UnknownType(String),
    /// A file refers to one that is not there.
    #[error("`{from}` refers to `./{to}`, which is not in `static/`; add the file or correct the name")]
    Missing {
        /// The file with the reference.
        from: String,
        /// The name in it.
        to: String,
    },
    /// Files refer to each other in a circle, so that none can be named first.
    #[error("`{0}` refers to itself through other files; fingerprints need references without circles")]
    Circle(String),
}

impl Assets {
    /// Reads every file of `directory`.
    pub fn load(directory: &Path) -> Result<Self, AssetError> {
        let unreadable = |path: &Path, source| AssetError::Unreadable { path: path.display().to_string(), source };
        let mut sources = BTreeMap::new();
        for entry in std::fs::read_dir(directory).map_err(|error| unreadable(directory, error))? {
            let path = entry.map_err(|error| unreadable(directory, error))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // Editors leave hidden and backup files beside the one that is being edited.
            if path.is_file() && !name.starts_with('.') && !name.ends_with('~') {
                sources.insert(name, std::fs::read(&path).map_err(|error| unreadable(&path, error))?);
            }
        }
        let mut assets = Self::default();
        for name in sources.keys() {
            assets.add(name, &sources, &mut Vec::new())?;
        }
        Ok(assets)
    }

    /// The path under which pages refer to the file `name`.
    pub fn path(&self, name: &str) -> Option<String> {
        self.0.get(name).map(|asset| format!("/static/{}", fingerprinted(name, &asset.fingerprint)))
    }

    /// The asset for the last part of a path: a plain name or a fingerprinted one.
    pub fn find(&self, file: &str) -> Option<(&Asset, Freshness)> {
        if let Some(asset) = self.0.get(file) {
            return Some((asset, Freshness::Revalidate));
        }
        let (stem, extension) = file.rsplit_once('.')?;
        let (stem, fingerprint) = stem.rsplit_once('.')?;
        let asset = self.0.get(&format!("{stem}.{extension}"))?;
        if asset.fingerprint == fingerprint {
            return Some((asset, Freshness::Immutable));
        }
        // A page of another version asks, in the middle of an update: the nearest content is better than none, as long as nobody keeps it under this name.
        let looks_right = fingerprint.len() == FINGERPRINT_LENGTH && fingerprint.bytes().all(|byte| byte.is_ascii_hexdigit());
        looks_right.then_some((asset, Freshness::Revalidate))
    }

    /// Adds `name`, after everything it refers to: its fingerprint depends on theirs.
    fn add(&mut self, name: &str, sources: &BTreeMap<String, Vec<u8>>, parents: &mut Vec<String>) -> Result<(), AssetError> {
        if self.0.contains_key(name) {
            return Ok(());
        }
        if parents.iter().any(|parent| parent == name) {
            return Err(AssetError::Circle(name.to_owned()));
        }
        let content_type = content_type(name).ok_or_else(|| AssetError::UnknownType(name.to_owned()))?;
        let mut content = sources[name].clone();
        if let Some(mut text) = referring(content_type).then(|| String::from_utf8_lossy(&content).into_owned()) {
            parents.push(name.to_owned());
            for target in references(&text) {
                if !sources.contains_key(&target) {
                    return Err(AssetError::Missing { from: name.to_owned(), to: target });
                }
                self.add(&target, sources, parents)?;
                let new = fingerprinted(&target, &self.0[&target].fingerprint);
                text = text.replace(&format!("\"./{target}\""), &format!("\"./{new}\""));
            }
            parents.pop();
            content = text.into_bytes();
        }
        let mut fingerprint: String = Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
        fingerprint.truncate(FINGERPRINT_LENGTH);
        self.0.insert(name.to_owned(), Asset { content: content.into(), content_type, fingerprint });
        Ok(())
    }
}

fn fingerprinted(name: &str, fingerprint: &str) -> String {
    match name.rsplit_once('.') {
        Some((stem, extension)) => format!("{stem}.{fingerprint}.{extension}"),
        None => format!("{name}.{fingerprint}"),
    }
}

/// The names written as `"./name"`, each once.
fn references(text: &str) -> Vec<String> {
    let mut names: Vec<String> =
        text.split("\"./").skip(1).filter_map(|rest| rest.split_once('"')).map(|(name, _)| name.to_owned()).collect();
    names.sort();
    names.dedup();
    names
}

fn referring(content_type: &str) -> bool {
    ["text/javascript", "text/css", "application/manifest+json"].iter().any(|kind| content_type.starts_with(kind))
}

fn content_type(name: &str) -> Option<&'static str> {
    Some(match name.rsplit_once('.')?.1 {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        "webmanifest" => "application/manifest+json",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assets(files: &[(&str, &str)]) -> Result<Assets, AssetError> {
        let sources = files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
        let mut assets = Assets::default();
        for (name, _) in files {
            assets.add(name, &sources, &mut Vec::new())?;
        }
        Ok(assets)
    }

    #[test]
    fn a_name_changes_with_the_content_of_the_file_and_of_what_it_imports() {
        let before = assets(&[("app.js", "import \"./part.js\";"), ("part.js", "1")]).unwrap();
        let after = assets(&[("app.js", "import \"./part.js\";"), ("part.js", "2")]).unwrap();
        assert_ne!(before.path("app.js"), after.path("app.js"));
        let part = after.path("part.js").unwrap().replace("/static/", "./");
        assert_eq!(after.0["app.js"].content, format!("import \"{part}\";"));
    }

    #[test]
    fn a_fingerprinted_name_is_immutable_and_others_are_not() {
        let assets = assets(&[("app.css", "body{}")]).unwrap();
        let path = assets.path("app.css").unwrap();
        assert_eq!(assets.find(path.trim_start_matches("/static/")).unwrap().1, Freshness::Immutable);
        assert_eq!(assets.find("app.css").unwrap().1, Freshness::Revalidate);
        assert_eq!(assets.find("app.000000000000.css").unwrap().1, Freshness::Revalidate);
        assert!(assets.find("app.min.css").is_none());
        assert!(assets.find("other.css").is_none());
    }

    #[test]
    fn references_that_cannot_work_are_refused() {
        let missing = assets(&[("app.js", "import \"./gone.js\";")]).unwrap_err().to_string();
        assert!(missing.contains("`app.js` refers to `./gone.js`"), "{missing}");
        let circle = assets(&[("a.js", "import \"./b.js\""), ("b.js", "import \"./a.js\"")]).unwrap_err();
        assert!(matches!(circle, AssetError::Circle(_)));
        assert!(matches!(assets(&[("a.exe", "")]), Err(AssetError::UnknownType(_))));
    }
}
