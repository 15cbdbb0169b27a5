//! Templates: the pages of `templates/`, compiled once, with the functions and filters they use.

use std::path::Path;
use std::sync::Arc;

use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior, Value};
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime};

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
    use minijinja::context;

    use super::*;

    #[test]
    fn moments_are_written_for_people() {
        assert_eq!(moment("2026-03-07T09:05:11.123456Z"), "7 Mar, 09:05 UTC");
        assert_eq!(moment("soon"), "soon");
        assert_eq!((day("2026-03-07"), day("x")), ("7 Mar 2026".to_owned(), "x".to_owned()));
        assert_eq!([size(999), size(1_001), size(12_345_678)], ["999 B", "2 kB", "12.3 MB"]);
    }

    /// A template that is new needs a line here, so that none is first rendered for a visitor.
    #[test]
    fn every_template_renders() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR"));
        let assets = Arc::new(Assets::load(&source.join("static")).unwrap());
        let templates = Templates::load(&source.join("templates"), assets).unwrap();
        let user = context! { id => "p", name => "Ines", email => "ines@example.com", role => "admin" };
        let session = context! { user, csrf_token => "t" };
        let common = context! { environment => "unit", version => "1", revision => "abc", today => "2026-03-07", session };
        let at = "2026-03-07T09:05:00Z";
        let person = context! { id => "p", name => "Ines" };
        let task = context! {
            id => "1", title => "A title", notes => "More", status => "open", private => true, due_on => "2026-03-06", assignee => person.clone(),
            created_by => person.clone(), attachments => 1, version => 2, created_at => at, updated_at => "later", completed_at => at,
        };
        let tasks = vec![task.clone(); 2];
        let stats = context! { created => 9, last_activity_at => at, updated_at => at };
        let filter = context! { q => "a", status => "open", assignee => "", due => "" };
        let board = context! {
            open => tasks.clone(), done => tasks, counts => context! { open => 2, done => 2 }, stats, draft => "", error => "must", whole => true,
            first_page => false, filter, filtered => true, found => 4, here => "/", newest => "/", more => "/?before=x",
        };
        let draft = context! { action => "/tasks", csrf_token => "t", fields => vec![context! { name => "notes", label => "Notes", value => "x" }] };
        let failure = context! { status => 503, title => "Away", text => "Wait", draft, detail => "why", retry_seconds => 3, unsaved => true, retry_path => "/" };
        let fields = context! { title => "t", notes => "n", due_on => "", assignee_id => "p", private => "", version => 2, name => "", email => "", next => "/x" };
        let errors = context! { title => "must", email => "must" };
        let file = context! { id => "f", name => "a.png", url => "/a", bytes => 1, content_type => "image/png", created_by => person.clone(), created_at => at };
        let page = context! {
            task, fields => fields.clone(), errors => errors.clone(), mine => true, may_delete => true, upload_error => "no", conflict => true, saved => true,
            people => vec![person], attachments => vec![file],
        };
        let export = context! { id => "e", state => "running", rows_done => 1, rows_total => 2, created_at => at, url => () };
        let samples = [
            ("account.html", context! { name => "Ines", saved => "password", general => (), errors => errors.clone() }),
            ("board.html", board),
            ("exports.html", context! { exports => vec![export], pending => true }),
            ("failure.html", failure),
            ("fields.html", context! {}),
            ("items.html", context! {}),
            ("layout.html", context! {}),
            ("mark.html", context! {}),
            ("sign.html", context! { up => true, fields, general => "No.", errors }),
            ("task.html", page),
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
