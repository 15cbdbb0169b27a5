//! The site: templates and assets as they were read from disk, and, in development, the moment to read them again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use minijinja::Value;

use crate::assets::{AssetError, Assets};
use crate::templates::{self, Templates};

/// What pages are made of. It never changes: an edit makes a new one.
#[derive(Debug)]
pub struct Site {
    /// The files of `static/`.
    pub assets: Arc<Assets>,
    /// The files of `templates/`.
    pub templates: Templates,
}

/// Why the site cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// A file of `static/` is the reason.
    #[error(transparent)]
    Asset(#[from] AssetError),
    /// A file of `templates/` is the reason.
    #[error(transparent)]
    Template(#[from] templates::TemplateError),
}

/// Hands out the current site.
#[derive(Debug)]
pub struct SiteStore {
    directory: PathBuf,
    reload: bool,
    current: RwLock<(Stamp, Arc<Site>)>,
    /// With `reload`, what each template was last shown with: an edit is tried with it.
    shown: Mutex<BTreeMap<String, Vec<Value>>>,
}

/// So many pages of each template are tried.
const TRIED: usize = 4;

/// The names, sizes and times of all files: when it differs, something was edited.
type Stamp = Vec<(PathBuf, u64, Option<SystemTime>)>;

impl Site {
    /// Reads `static/` and `templates/` of `directory`.
    pub fn load(directory: &Path) -> Result<Self, SiteError> {
        let assets = Arc::new(Assets::load(&directory.join("static"))?);
        let templates = Templates::load(&directory.join("templates"), Arc::clone(&assets))?;
        Ok(Self { assets, templates })
    }
}

impl SiteStore {
    /// Reads the site once; with `reload`, again after each edit.
    pub fn open(directory: &Path, reload: bool) -> Result<Self, SiteError> {
        let stamp = if reload { stamp(directory) } else { Stamp::new() };
        let site = Arc::new(Site::load(directory)?);
        Ok(Self { directory: directory.to_owned(), reload, current: RwLock::new((stamp, site)), shown: Mutex::default() })
    }

    /// The site as it is now. An edit that cannot be used is an error until it is corrected: whoever edits wants to see it.
    pub fn current(&self) -> Result<Arc<Site>, SiteError> {
        let known = self.last();
        if !self.reload {
            return Ok(known.1);
        }
        let now = stamp(&self.directory);
        if now == known.0 {
            return Ok(known.1);
        }
        let site = Arc::new(Site::load(&self.directory)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = (now, Arc::clone(&site));
        Ok(site)
    }

    /// Renders the template `name` with the fields of `data`.
    pub fn render(&self, name: &str, data: Value) -> Result<String, SiteError> {
        if self.reload {
            let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
            let pages = shown.entry(name.to_owned()).or_default();
            pages.insert(0, data.clone());
            pages.truncate(TRIED);
        }
        Ok(self.current()?.templates.render(name, data)?)
    }

    /// Whether the files as they are now make pages: all of them compile, and what was shown lately can be shown again. All that is wrong, one reason a line.
    pub fn check(&self) -> Result<(), String> {
        let site = self.current().map_err(|reason| reason.to_string())?;
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let pages = shown.iter().flat_map(|(name, pages)| pages.iter().map(move |data| (name, data)));
        let mut reasons: Vec<String> =
            pages.filter_map(|(name, data)| site.templates.render(name, data.clone()).err()).map(|reason| reason.to_string()).collect();
        reasons.sort();
        reasons.dedup();
        if reasons.is_empty() { Ok(()) } else { Err(reasons.join("\n")) }
    }

    /// The last site that could be used, and what it was read from.
    fn last(&self) -> (Stamp, Arc<Site>) {
        self.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn stamp(directory: &Path) -> Stamp {
    let mut stamp: Stamp = ["static", "templates"]
        .iter()
        .filter_map(|part| std::fs::read_dir(directory.join(part)).ok())
        .flatten()
        .filter_map(Result::ok)
        .filter_map(|entry| entry.metadata().ok().map(|data| (entry.path(), data.len(), data.modified().ok())))
        .collect();
    stamp.sort();
    stamp
}
