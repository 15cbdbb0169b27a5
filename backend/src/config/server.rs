//! Where to listen, and how much one account may ask for: `PORT` and `REQUESTS_PER_MINUTE`.
use super::Env;
use std::num::{NonZeroU16, NonZeroU32};

/// How the server deals with clients.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// The TCP port, on all addresses.
    pub port: u16,
    /// How many requests one account may send to one process in a minute.
    pub requests_per_minute: u32,
}

impl ServerConfig {
    /// Reads it from the environment.
    pub fn read(env: &Env<'_>) -> Option<Self> {
        const PORT: NonZeroU16 = NonZeroU16::new(8000).unwrap();
        // Far more than a person with several open boards needs, far less than a loop sends.
        const REQUESTS: NonZeroU32 = NonZeroU32::new(1200).unwrap();
        let port = env.parsed("PORT", PORT, "set a port number from 1 to 65535, such as `PORT=8000`");
        let requests = env.parsed("REQUESTS_PER_MINUTE", REQUESTS, "set a number from 1 on, such as `REQUESTS_PER_MINUTE=1200`");
        Some(ServerConfig { port: port?.get(), requests_per_minute: requests?.get() })
    }
}
