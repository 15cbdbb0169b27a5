//! The edits: each puts a number into a file in place of the one before.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::now;

/// A place in a file where a number can stand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// The file, relative to the sources.
    pub(crate) file: &'static str,
    /// What is there before the first edit.
    original: &'static str,
    /// What stands there from then on, around the number.
    around: [&'static str; 2],
}

/// A handler of the backend: its answer has a number.
pub(crate) const HANDLER: Place =
    Place { file: "backend/src/http/version.rs", original: r#""name": "backend","#, around: [r#""name": "backend", "dev_loop": "#, ","] };

/// A style of every page: the distance of an outline that is not drawn, so that pages look as before.
pub(crate) const STYLE: Place =
    Place { file: "frontend/static/app.css", original: "\nbody {\n", around: ["\nbody {\n  outline-offset: ", "px;\n"] };

/// The heading of the page for signing in.
pub(crate) const TEMPLATE: Place =
    Place { file: "frontend/templates/sign.html", original: r#""Welcome back""#, around: [r#""Welcome back "#, r#"""#] };

impl Place {
    /// Puts `number` there, below `root`. Returns when the file was written.
    ///
    /// # Errors
    /// When the file cannot be edited, or has no such place any more.
    pub(crate) fn put(&self, root: &Path, number: u32) -> anyhow::Result<f64> {
        let path = root.join(self.file);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let edited = self.edited(&text, number).with_context(|| format!("{} has no `{}` to edit", path.display(), self.original.trim()))?;
        let moment = now();
        fs::write(&path, edited).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(moment)
    }

    fn edited(&self, text: &str, number: u32) -> Option<String> {
        let [before, after] = self.around;
        let new = format!("{before}{number}{after}");
        let again = text.split_once(before).and_then(|(head, tail)| {
            let rest = tail.trim_start_matches(|character: char| character.is_ascii_digit());
            Some((head, rest.strip_prefix(after)?)).filter(|_| rest.len() < tail.len())
        });
        let (head, tail) = again.or_else(|| text.split_once(self.original))?;
        Some(format!("{head}{new}{tail}"))
    }
}

/// A file of the sources that does not compile.
#[derive(Debug)]
pub(crate) struct Mistake {
    path: PathBuf,
    good: String,
    /// When it was written.
    pub(crate) saved: f64,
}

impl Place {
    /// Puts a type error into the file, below `root`.
    ///
    /// # Errors
    /// When the file cannot be edited.
    pub(crate) fn spoil(&self, root: &Path) -> anyhow::Result<Mistake> {
        let path = root.join(self.file);
        let good = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let saved = now();
        fs::write(&path, format!("{good}\nconst MISTAKE: u32 = \"no number\";\n"))
            .with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Mistake { path, good, saved })
    }
}

impl Mistake {
    /// Writes the file as it was. Returns when.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn mend(&self) -> anyhow::Result<f64> {
        let moment = now();
        fs::write(&self.path, &self.good).with_context(|| format!("cannot write {}", self.path.display()))?;
        Ok(moment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_there_and_takes_one_number_after_the_other() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        for place in [HANDLER, STYLE, TEMPLATE] {
            let text = fs::read_to_string(root.join(place.file)).unwrap();
            assert_eq!(text.matches(place.original).count(), 1, "{place:?}");
            let first = place.edited(&text, 7).unwrap();
            let second = place.edited(&first, 12).unwrap();
            assert_eq!(place.edited(&text, 12).unwrap(), second, "{place:?}");
            assert!(second.contains(&format!("{}12{}", place.around[0], place.around[1])), "{place:?}");
        }
    }

    #[test]
    fn a_file_without_the_place_is_not_edited() {
        assert_eq!(HANDLER.edited("fn show() {}", 1), None);
    }
}
