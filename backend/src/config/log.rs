//! How much to log: `LOG_LEVEL`.
use super::Env;
use tracing_subscriber::filter::LevelFilter;

/// How much to log.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// The least severe level that is written.
    pub level: LevelFilter,
}

impl LogConfig {
    /// Reads it from the environment.
    pub fn read(env: &Env<'_>) -> Option<Self> {
        let fix = "set `error`, `warn`, `info`, `debug` or `trace`";
        Some(LogConfig { level: env.parsed("LOG_LEVEL", LevelFilter::INFO, fix)? })
    }
}
