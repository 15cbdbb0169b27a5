//! Where uploaded files are kept, and how large they may be: `MEDIA_DIR` and `MAX_ATTACHMENT_BYTES`.
use super::Env;
use std::num::NonZeroU64;
use std::path::PathBuf;

/// Where uploaded files are kept.
#[derive(Debug, Clone)]
pub struct MediaConfig {
    /// An absolute path, shared with the proxy, which sends the files.
    pub dir: PathBuf,
    /// The largest attachment.
    pub max_attachment_bytes: u64,
}

impl MediaConfig {
    /// Reads it from the environment.
    pub fn read(env: &Env<'_>) -> Option<Self> {
        const DEFAULT: NonZeroU64 = NonZeroU64::new(1 << 30).unwrap();
        let max = env.parsed("MAX_ATTACHMENT_BYTES", DEFAULT, "set a number of bytes, such as `MAX_ATTACHMENT_BYTES=1073741824`");
        let dir = PathBuf::from(env.text("MEDIA_DIR").unwrap_or_else(|| "/srv/media".to_owned()));
        if dir.is_absolute() {
            return Some(MediaConfig { dir, max_attachment_bytes: max?.get() });
        }
        let problem = format!("cannot be `{}`: it is not an absolute path", dir.display());
        env.refuse("MEDIA_DIR", problem, "set an absolute path, such as `/srv/media`");
        None
    }
}
