//! Where to listen: `PORT`.
use super::Env;
use std::num::NonZeroU16;

/// Where to listen.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// The TCP port, on all addresses.
    pub port: u16,
}

impl ServerConfig {
    /// Reads it from the environment.
    pub fn read(env: &Env<'_>) -> Option<Self> {
        const DEFAULT: NonZeroU16 = NonZeroU16::new(8000).unwrap();
        let port = env.parsed("PORT", DEFAULT, "set a port number from 1 to 65535, such as `PORT=8000`")?;
        Some(ServerConfig { port: port.get() })
    }
}
