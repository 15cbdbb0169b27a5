//! How to reach Redis: `REDIS_URL`, or, where it has a password in it, `REDIS_URL_FILE`.
use super::{Env, SecretFile};
use redis::{ConnectionInfo, IntoConnectionInfo};

/// How to reach Redis.
#[derive(Debug, Clone)]
pub struct RedisConfig {
    /// Host, port and database number.
    pub info: ConnectionInfo,
    /// The pub/sub channel of live updates. Channels do not belong to a database number, so tests that share a server use names of their own.
    pub live_channel: String,
}

impl RedisConfig {
    /// Reads it from the environment.
    pub fn read(env: &Env<'_>) -> Option<Self> {
        const FIX: &str = "set it to something like `redis://redis:6379/0`";
        let (variable, url) = match SecretFile::read(env, "REDIS_URL_FILE")? {
            Some((_, url)) => ("REDIS_URL_FILE", url),
            None => ("REDIS_URL", env.required("REDIS_URL", FIX)?),
        };
        match url.as_str().into_connection_info() {
            Ok(info) => Some(RedisConfig { info, live_channel: "live".to_owned() }),
            Err(error) => {
                env.refuse(variable, format!("cannot be used: {error}"), FIX);
                None
            }
        }
    }
}
