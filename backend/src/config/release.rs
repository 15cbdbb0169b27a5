//! What is running, and where: `ENVIRONMENT` and `REVISION`. Reported, never decided upon.
use super::Env;

/// What is running, and where.
#[derive(Debug, Clone)]
pub struct ReleaseConfig {
    /// The environment's name.
    pub environment: String,
    /// The version of this crate.
    pub version: &'static str,
    /// The commit that the image was built from, if the build told.
    pub revision: Option<String>,
}

impl ReleaseConfig {
    /// Reads it from the environment.
    pub fn read(env: &Env<'_>) -> Self {
        ReleaseConfig {
            environment: env.text("ENVIRONMENT").unwrap_or_else(|| "local".to_owned()),
            version: env!("CARGO_PKG_VERSION"),
            revision: env.text("REVISION"),
        }
    }
}
