//! Directories beside the checkout, or anywhere on this machine.

use std::path::{Path, PathBuf};

use toml::Value;

use super::shown;

/// A directory, from the root of the checkout where it is relative.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(try_from = "Value")]
pub(crate) struct Folder(PathBuf);

impl TryFrom<Value> for Folder {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        let text = value.as_str().filter(|text| !text.trim().is_empty() && !text.contains(['\n', '\0', '$']));
        text.map(|text| Self(PathBuf::from(text))).ok_or_else(|| {
            format!("{} is not a directory: write its path from the root of the checkout, for example \"../other\"", shown(&value))
        })
    }
}

impl Folder {
    /// The directory, for a checkout whose root is `root`.
    pub(crate) fn at(&self, root: &Path) -> PathBuf {
        root.join(&self.0)
    }

    /// As compose files take it, which are in `infra/`.
    pub(crate) fn seen_from_infra(&self) -> String {
        Path::new("..").join(&self.0).display().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_from_the_root_of_the_checkout() {
        let folder = |text: &str| Folder::try_from(Value::from(text)).expect("a path");
        assert_eq!(folder("../other").seen_from_infra(), "../../other");
        assert_eq!(folder("/srv/other").seen_from_infra(), "/srv/other");
        assert_eq!(folder("../other").at(Path::new("/repo")), Path::new("/repo/../other"));
        for bad in ["", " ", "a\nb", "$HOME/x"] {
            assert!(Folder::try_from(Value::from(bad)).is_err(), "{bad}");
        }
    }
}
