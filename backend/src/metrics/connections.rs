//! Connections to the database, and of browsers: read at the moment when somebody asks.
use crate::http::State;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use sqlx::postgres::PgPool;
use std::fmt;
use std::sync::Weak;

/// The connections of a pool.
#[derive(Debug)]
pub struct Connections(pub PgPool);

impl Collector for Connections {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let idle = self.0.num_idle() as i64;
        let used = i64::from(self.0.size()).saturating_sub(idle).max(0);
        let help = "Open connections to the database, by whether they are in use";
        let mut family = encoder.encode_descriptor("database_connections", help, None, MetricType::Gauge)?;
        for (state, count) in [("idle", idle), ("used", used)] {
            ConstGauge::new(count).encode(family.encode_family(&[("state", state)])?)?;
        }
        let max = i64::from(self.0.options().get_max_connections());
        gauge(&mut encoder, "database_connections_max", "How many connections to the database may be open", max)
    }
}

/// The live connections of a server, for as long as it runs: whoever asks late must not keep it from ending.
#[derive(Debug)]
pub struct Sockets(pub Weak<State>);

impl Collector for Sockets {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(state) = self.0.upgrade() else { return Ok(()) };
        gauge(&mut encoder, "live_connections", "Open WebSockets", state.sockets_open() as i64)?;
        gauge(&mut encoder, "live_connections_max", "How many WebSockets may be open", state.socket_limit as i64)?;
        let help = "Whether messages come from Redis: 0 while it is away";
        gauge(&mut encoder, "live_subscribed", help, i64::from(!state.hub.is_away()))
    }
}

/// Writes a gauge without labels.
pub(super) fn gauge(encoder: &mut DescriptorEncoder<'_>, name: &str, help: &str, value: i64) -> Result<(), fmt::Error> {
    ConstGauge::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
}
