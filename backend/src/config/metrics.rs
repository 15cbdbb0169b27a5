//! Where metrics are fetched from: `METRICS_PORT`. Without it there is no listener for them.
use super::Env;
use std::num::NonZeroU16;

/// Where metrics are fetched from.
#[derive(Debug, Clone, Copy, Default)]
pub struct MetricsConfig {
    /// The TCP port, on all addresses.
    pub port: Option<NonZeroU16>,
}

impl MetricsConfig {
    /// Reads it from the environment.
    pub fn read(env: &Env<'_>) -> Option<Self> {
        let Some(text) = env.text("METRICS_PORT") else { return Some(MetricsConfig::default()) };
        let port = text.parse().ok();
        if port.is_none() {
            env.refuse(
                "METRICS_PORT",
                format!("cannot be `{text}`"),
                "set a port number from 1 to 65535, such as `METRICS_PORT=9000`, or none",
            );
        }
        port.map(|port| MetricsConfig { port: Some(port) })
    }
}
