//! Settings, one typed file for each concern. They come from environment variables; secrets come from files that variables name.
//! Invariant: nothing branches on which environment it runs in. `ENVIRONMENT` is only reported.
mod database;
mod env;
mod log;
mod mail;
mod media;
mod metrics;
mod redis;
mod release;
mod secret;
mod server;

pub use self::database::{DatabaseConfig, DatabaseSecret};
pub use self::env::{Env, Invalid, Problem};
pub use self::log::LogConfig;
pub use self::mail::{Encryption, MailConfig};
pub use self::media::MediaConfig;
pub use self::metrics::MetricsConfig;
pub use self::redis::RedisConfig;
pub use self::release::ReleaseConfig;
pub use self::secret::SecretFile;
pub use self::server::ServerConfig;

/// What `backend serve` needs.
#[derive(Debug, Clone)]
pub struct ServeConfig {
    /// Where to listen.
    pub server: ServerConfig,
    /// What is running, and where.
    pub release: ReleaseConfig,
    /// How much to log.
    pub log: LogConfig,
    /// The database.
    pub database: DatabaseConfig,
    /// Redis.
    pub redis: RedisConfig,
    /// Uploaded files.
    pub media: MediaConfig,
    /// Metrics.
    pub metrics: MetricsConfig,
}

impl ServeConfig {
    /// Reads it, or tells every problem at once.
    pub fn read(env: Env<'_>) -> Result<Self, Invalid> {
        // Each part is read before any is unwrapped: a problem in one must not hide the problems of the next.
        let (server, release, log, metrics) =
            (ServerConfig::read(&env), ReleaseConfig::read(&env), LogConfig::read(&env), MetricsConfig::read(&env));
        let (database, redis, media) = (DatabaseConfig::read(&env), RedisConfig::read(&env), MediaConfig::read(&env));
        let config = (|| {
            Some(ServeConfig { server: server?, release, log: log?, database: database?, redis: redis?, media: media?, metrics: metrics? })
        })();
        env.finish(config)
    }
}

/// What `backend worker` needs.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// What is running, and where.
    pub release: ReleaseConfig,
    /// How much to log.
    pub log: LogConfig,
    /// The database, which holds the queue as well.
    pub database: DatabaseConfig,
    /// Redis.
    pub redis: RedisConfig,
    /// Uploaded files.
    pub media: MediaConfig,
    /// Mail, if it is sent.
    pub mail: Option<MailConfig>,
    /// Metrics.
    pub metrics: MetricsConfig,
}

impl WorkerConfig {
    /// Reads it, or tells every problem at once.
    pub fn read(env: Env<'_>) -> Result<Self, Invalid> {
        let (release, log, metrics) = (ReleaseConfig::read(&env), LogConfig::read(&env), MetricsConfig::read(&env));
        let (database, redis) = (DatabaseConfig::read(&env), RedisConfig::read(&env));
        let (media, mail) = (MediaConfig::read(&env), MailConfig::read(&env));
        let config = (|| {
            Some(WorkerConfig { release, log: log?, database: database?, redis: redis?, media: media?, mail: mail?, metrics: metrics? })
        })();
        env.finish(config)
    }
}

/// What `backend migrate` needs.
#[derive(Debug, Clone)]
pub struct MigrateConfig {
    /// The database.
    pub database: DatabaseConfig,
    /// What a person types here to take back the newest migration; nothing where that is no everyday thing.
    pub revert: Option<String>,
}

impl MigrateConfig {
    /// Reads it, or tells every problem at once.
    pub fn read(env: Env<'_>) -> Result<Self, Invalid> {
        let database = DatabaseConfig::read(&env);
        let revert = env.text("REVERT_COMMAND");
        env.finish(database.map(|database| MigrateConfig { database, revert }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &'static [(&'static str, &'static str)]) -> Env<'static> {
        Env::new(|name| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn defaults_suffice_beside_the_two_services() {
        let config =
            ServeConfig::read(env(&[("DATABASE_URL", "postgres://slipway@db:5432/slipway"), ("REDIS_URL", "redis://redis:6379/0")]))
                .unwrap();
        assert_eq!(config.server.port, 8000);
        assert_eq!(config.release.environment, "local");
        assert_eq!(config.release.revision, None);
        assert_eq!(config.database.options.get_host(), "db");
    }

    #[test]
    fn every_problem_is_told_at_once() {
        let invalid = ServeConfig::read(env(&[
            ("PORT", "http"),
            ("LOG_LEVEL", "loud=very"),
            ("DATABASE_URL", "postgres://slipway:hunter2@db/slipway"),
            ("MEDIA_DIR", "media"),
            ("METRICS_PORT", "0"),
        ]))
        .unwrap_err();
        assert_eq!(
            invalid.to_string(),
            "the configuration cannot be used\n  \
             `PORT` cannot be `http`\n    hint: set a port number from 1 to 65535, such as `PORT=8000`\n  \
             `LOG_LEVEL` cannot be `loud=very`\n    hint: set `error`, `warn`, `info`, `debug` or `trace`\n  \
             `METRICS_PORT` cannot be `0`\n    hint: set a port number from 1 to 65535, such as `METRICS_PORT=9000`, or none\n  \
             `DATABASE_URL` contains a password, which everybody who can inspect the process could read\n    \
             hint: write the password to a file and name it in `DATABASE_PASSWORD_FILE`\n  \
             `REDIS_URL` is not set\n    hint: set it to something like `redis://redis:6379/0`\n  \
             `MEDIA_DIR` cannot be `media`: it is not an absolute path\n    hint: set an absolute path, such as `/srv/media`"
        );
    }

    #[test]
    fn an_unreadable_password_file_is_named() {
        let invalid = MigrateConfig::read(env(&[
            ("DATABASE_URL", "postgres://slipway@db/slipway"),
            ("DATABASE_PASSWORD_FILE", "/nonexistent/password"),
        ]))
        .unwrap_err();
        assert_eq!(invalid.0.len(), 1);
        assert_eq!(invalid.0[0].variable, "DATABASE_PASSWORD_FILE");
        assert!(invalid.0[0].problem.contains("/nonexistent/password"), "{}", invalid.0[0].problem);
    }
}
