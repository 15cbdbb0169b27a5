//! Metrics for Prometheus: what is counted, and the listener that it is fetched from. docs/metrics.md says what each of them means.
//!
//! Invariant: no label has a value that a client chose. Routes are patterns, methods and kinds of jobs are known ones, so the number of series is bounded.
mod connections;
mod http;
mod jobs;
mod listener;
mod queue;

pub use self::connections::{Connections, Sockets};
pub use self::http::{HttpMetrics, Underway};
pub use self::jobs::{JobMetrics, Outcome};
pub use self::listener::{listen, serve};
pub use self::queue::Queue;

use crate::config::ReleaseConfig;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

/// What all names begin with.
const PREFIX: &str = "slipway";

/// An empty page of metrics, but for what is running.
pub fn registry(release: &ReleaseConfig) -> Registry {
    let mut registry = Registry::with_prefix(PREFIX);
    let revision = release.revision.clone().unwrap_or_default();
    let build = Info::new([("version", release.version.to_owned()), ("revision", revision)]);
    registry.register("build", "What is running", build);
    registry
}
