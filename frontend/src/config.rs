//! Settings, read from environment variables once at start.

use std::path::PathBuf;

/// Everything that differs between two places where this program runs.
#[derive(Debug, Clone)]
pub struct Config {
    /// The port to listen on, from `PORT`.
    pub port: u16,
    /// The name of the environment, from `ENVIRONMENT`. Pages show it; no decision depends on it.
    pub environment: String,
    /// The lowest level that is logged, from `LOG_LEVEL`.
    pub log_level: String,
    /// Where the API is, without a slash at the end, from `BACKEND_URL`.
    pub backend_url: String,
    /// Whether templates and assets are read again when they change, from `TEMPLATE_RELOAD`.
    pub template_reload: bool,
    /// The directory with `templates/` and `static/`, from `ASSETS_DIR`.
    pub assets_dir: PathBuf,
    /// The commit that this program was built from, from `REVISION`.
    pub revision: Option<String>,
}

/// All settings that were refused, so that one start shows them all.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\nerror: "))]
pub struct ConfigError(Vec<String>);

impl Config {
    /// Reads the settings of this process.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::read(|name| std::env::var(name).ok())
    }

    /// Reads settings from `variable`. A variable that is empty counts as absent, because that is how Compose passes an unset one.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let get = |name: &str, default: &str| variable(name).filter(|value| !value.is_empty()).unwrap_or_else(|| default.to_owned());
        let mut refused = Vec::new();

        let port = get("PORT", "3000");
        let port = port.parse().ok().filter(|port| *port != 0).unwrap_or_else(|| {
            refused.push(format!("`PORT` is `{port}`, which is no port; set it to a number from 1 to 65535"));
            3000
        });
        let log_level = get("LOG_LEVEL", "info").to_lowercase();
        if !["error", "warn", "info", "debug", "trace"].contains(&log_level.as_str()) {
            refused.push(format!("`LOG_LEVEL` is `{log_level}`; set it to `error`, `warn`, `info`, `debug` or `trace`"));
        }
        let backend_url = get("BACKEND_URL", "http://127.0.0.1:8000").trim_end_matches('/').to_owned();
        if !backend_url.starts_with("http://") {
            refused.push(format!("`BACKEND_URL` is `{backend_url}`; set it to a URL such as `http://backend:8000`"));
        }
        let template_reload = get("TEMPLATE_RELOAD", "0");
        if !["0", "1"].contains(&template_reload.as_str()) {
            refused.push(format!("`TEMPLATE_RELOAD` is `{template_reload}`; set it to `0` or `1`"));
        }

        if !refused.is_empty() {
            return Err(ConfigError(refused));
        }
        Ok(Self {
            port,
            environment: get("ENVIRONMENT", "local"),
            log_level,
            backend_url,
            template_reload: template_reload == "1",
            assets_dir: get("ASSETS_DIR", "/srv/frontend").into(),
            revision: variable("REVISION").filter(|revision| !revision.is_empty()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::read(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn defaults_are_those_of_the_container() {
        let config = read(&[("PORT", "")]).unwrap();
        assert_eq!(config.port, 3000);
        assert_eq!(config.assets_dir, PathBuf::from("/srv/frontend"));
        assert!(!config.template_reload);
        assert_eq!(config.revision, None);
    }

    #[test]
    fn every_refused_setting_is_named_at_once() {
        let error =
            read(&[("PORT", "0"), ("LOG_LEVEL", "loud"), ("BACKEND_URL", "backend"), ("TEMPLATE_RELOAD", "yes")]).unwrap_err().to_string();
        for name in ["PORT", "LOG_LEVEL", "BACKEND_URL", "TEMPLATE_RELOAD"] {
            assert!(error.contains(&format!("`{name}` is")), "{name} is missing in: {error}");
        }
    }
}
