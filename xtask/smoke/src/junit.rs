//! The file with JUnit XML: whether it can be there, which is said before anything is asked, and writing it.

use std::path::Path;

use crate::refusal::Refusal;

/// Whether a file can be at `path`: a run whose result nobody can read was for nothing.
///
/// # Errors
/// When its directory is not there, or it is a directory itself.
pub(crate) fn prepare(path: &Path) -> Result<(), Refusal> {
    let file = path.display();
    if path.is_dir() {
        let hint = format!("`--junit {}` is a file in it", path.join("smoke.xml").display());
        return Err(Refusal::new(format!("cannot write {file}: it is a directory"), hint));
    }
    match path.parent().filter(|directory| !directory.as_os_str().is_empty() && !directory.is_dir()) {
        Some(directory) => {
            let directory = directory.display();
            Err(Refusal::new(format!("cannot write {file}: there is no directory {directory}"), format!("`mkdir -p {directory}` makes it")))
        }
        None => Ok(()),
    }
}

/// Writes `xml` to `path`.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn write(path: &Path, xml: &str) -> Result<(), Refusal> {
    std::fs::write(path, xml)
        .map_err(|error| Refusal::new(format!("cannot write {}: {error}", path.display()), "`--junit FILE` names another one"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_cannot_be_is_refused_beforehand() {
        let said = ["no/such/smoke.xml", "src", "src/main.rs/smoke.xml"].map(|path| prepare(Path::new(path)).expect_err(path).to_string());
        let unwritten = write(Path::new("src"), "").expect_err("a directory");
        insta::assert_snapshot!(format!("{}\n----\n{unwritten}", said.join("\n----\n")));
        assert_eq!(prepare(Path::new("smoke.xml")), Ok(()));
    }
}
