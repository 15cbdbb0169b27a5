//! Where uploaded files are kept: `MEDIA_DIR`.
use super::Env;
use std::path::PathBuf;

/// Where uploaded files are kept.
#[derive(Debug, Clone)]
pub struct MediaConfig {
    /// An absolute path, shared with the proxy, which sends the files.
    pub dir: PathBuf,
}

impl MediaConfig {
    /// Reads it from the environment.
    pub fn read(env: &Env<'_>) -> Option<Self> {
        let dir = PathBuf::from(env.text("MEDIA_DIR").unwrap_or_else(|| "/srv/media".to_owned()));
        if dir.is_absolute() {
            return Some(MediaConfig { dir });
        }
        let problem = format!("cannot be `{}`: it is not an absolute path", dir.display());
        env.refuse("MEDIA_DIR", problem, "set an absolute path, such as `/srv/media`");
        None
    }
}
