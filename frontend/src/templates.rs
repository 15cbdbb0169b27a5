//! Templates: the pages of `templates/`, compiled once, with the functions and filters they use.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value};
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime};

use crate::assets::Assets;

/// All compiled templates.
#[derive(Debug)]
pub struct Templates {
    directory: PathBuf,
    environment: Environment<'static>,
}

/// Why a template cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// The directory or a file in it cannot be read.
    #[error("`{path}` cannot be read: {source}; set `ASSETS_DIR` to the directory that contains `static/` and `templates/`")]
    Unreadable {
        /// What was to be read.
        path: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// A template does not compile or fails with the data of a page.
    #[error("{place}: {reason}")]
    Broken {
        /// The file, with the line where one is known.
        place: String,
        /// What is wrong there.
        reason: String,
    },
}

impl TemplateError {
    /// What `error` says of the template `name` in `directory`, or of one that it uses: the innermost one, which is about the place itself and not about what includes it.
    fn new(directory: &Path, name: &str, error: &Error) -> Self {
        let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
        let inner = causes.filter_map(|error| error.downcast_ref::<Error>()).filter(|error| error.line().is_some()).last().unwrap_or(error);
        let path = directory.join(inner.name().unwrap_or(name));
        let place = inner.line().map_or_else(|| path.display().to_string(), |line| format!("{}:{line}", path.display()));
        let reason = inner.detail().map_or_else(|| inner.kind().to_string(), |detail| format!("{}: {detail}", inner.kind()));
        Self::Broken { place, reason }
    }
}

impl Templates {
    /// Compiles every file of `directory`. A name that is not defined is an error, not an empty text.
    pub fn load(directory: &Path, assets: Arc<Assets>) -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.add_filter("moment", moment);
        environment.add_filter("day", day);
        environment.add_filter("size", size);
        environment.add_function("asset", move |name: &str| {
            assets
                .path(name)
                .map(Value::from_safe_string)
                .ok_or_else(|| Error::new(ErrorKind::InvalidOperation, format!("`{name}` is not in `static/`; add it or correct the name")))
        });
        let unreadable = |path: &Path, source| TemplateError::Unreadable { path: path.display().to_string(), source };
        for entry in std::fs::read_dir(directory).map_err(|error| unreadable(directory, error))? {
            let path = entry.map_err(|error| unreadable(directory, error))?.path();
            // The extension also decides that values are escaped: nothing else may be a template.
            if path.extension().is_some_and(|extension| extension == "html") {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let text = std::fs::read_to_string(&path).map_err(|error| unreadable(&path, error))?;
                environment.add_template_owned(name.clone(), text).map_err(|error| TemplateError::new(directory, &name, &error))?;
            }
        }
        Ok(Self { directory: directory.to_owned(), environment })
    }

    /// Renders the template `name` with the fields of `data`.
    pub fn render(&self, name: &str, data: Value) -> Result<String, TemplateError> {
        let page = self.environment.get_template(name).and_then(|template| template.render(data));
        page.map_err(|error| TemplateError::new(&self.directory, name, &error))
    }
}

/// Writes a time for people. Scripts replace it by the time zone of the reader, in the same form.
fn moment(value: &str) -> String {
    let format = format_description!("[day padding:none] [month repr:short], [hour]:[minute] UTC");
    OffsetDateTime::parse(value, &Rfc3339)
        .ok()
        .and_then(|time| time.format(&format).ok())
        // A time in another form is still better shown than hidden.
        .unwrap_or_else(|| value.to_owned())
}

/// Writes a day such as `2026-12-24` for people.
fn day(value: &str) -> String {
    let written = Date::parse(value, format_description!("[year]-[month]-[day]"))
        .ok()
        .and_then(|day| day.format(format_description!("[day padding:none] [month repr:short] [year]")).ok());
    written.unwrap_or_else(|| value.to_owned())
}

/// Writes the size of a file for people.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", bytes.div_ceil(1_000)),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_for_people() {
        assert_eq!(moment("2026-03-07T09:05:11.123456Z"), "7 Mar, 09:05 UTC");
        assert_eq!(moment("soon"), "soon");
        assert_eq!((day("2026-03-07"), day("x")), ("7 Mar 2026".to_owned(), "x".to_owned()));
        assert_eq!([size(999), size(1_001), size(12_345_678)], ["999 B", "2 kB", "12.3 MB"]);
    }
}
