//! Templates: the pages of `templates/`, compiled once, with the functions and filters they use.

use std::path::Path;
use std::sync::Arc;

use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;

use crate::assets::Assets;

/// All compiled templates.
#[derive(Debug)]
pub struct Templates(Environment<'static>);

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
    #[error("template: {0:#}")]
    Broken(#[from] Error),
}

impl Templates {
    /// Compiles every file of `directory`. A name that is not defined is an error, not an empty text.
    pub fn load(directory: &Path, assets: Arc<Assets>) -> Result<Self, TemplateError> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.add_filter("moment", moment);
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
                environment.add_template_owned(name, text)?;
            }
        }
        Ok(Self(environment))
    }

    /// Renders the template `name` with the fields of `data`.
    pub fn render(&self, name: &str, data: Value) -> Result<String, TemplateError> {
        Ok(self.0.get_template(name)?.render(data)?)
    }

    /// The names of all templates.
    pub fn names(&self) -> Vec<&str> {
        self.0.templates().map(|(name, _)| name).collect()
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

#[cfg(test)]
mod tests {
    use minijinja::context;

    use super::*;

    #[test]
    fn moments_are_written_for_people() {
        assert_eq!(moment("2026-03-07T09:05:11.123456Z"), "7 Mar, 09:05 UTC");
        assert_eq!(moment("soon"), "soon");
    }

    /// A template that is new needs a line here, so that none is first rendered for a visitor.
    #[test]
    fn every_template_renders() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR"));
        let assets = Arc::new(Assets::load(&source.join("static")).unwrap());
        let templates = Templates::load(&source.join("templates"), assets).unwrap();
        let common = context! { environment => "unit", version => "1", revision => "abc" };
        let task = context! { id => "1", title => "A title", created_at => "2026-03-07T09:05:00Z", completed_at => "2026-03-07T09:05:00Z" };
        let tasks = vec![task; 2];
        let stats = context! { created => 9, last_activity_at => "2026-03-07T09:05:00Z", updated_at => "2026-03-07T09:05:00Z" };
        let form = context! { draft => "", error => "No." };
        let board = context! { open => tasks.clone(), done => tasks, counts => context! { open => 2, done => 2 }, stats, form, whole => true, first_page => false, next => "x" };
        let failure = context! { status => 503, title => "Away", text => "Wait", draft => (), detail => "why", retry_seconds => 3, unsaved => true, retry_path => "/" };
        let samples = [
            ("board.html", board),
            ("failure.html", failure),
            ("layout.html", context! {}),
            ("mark.html", context! {}),
            ("task.html", context! {}),
        ];
        let mut names = templates.names();
        names.sort_unstable();
        assert_eq!(names, samples.each_ref().map(|(name, _)| *name));
        for (name, data) in samples {
            let page = templates.render(name, context! { ..data, ..common.clone() }).unwrap();
            // What the content security policy forbids is not even written.
            assert!(!page.contains("style=") && !page.contains("<style") && !page.contains(" onclick"), "{name}");
            assert!(page.split("<script").skip(1).all(|tag| tag.starts_with(" type=\"module\" src=")), "{name}");
        }
    }
}
