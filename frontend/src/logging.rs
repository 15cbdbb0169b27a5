//! Logs: one JSON object a line on stdout, with the fields of the surrounding request.

use std::fmt::Debug;
use std::io::Write as _;

use serde::ser::{Serialize, SerializeMap as _, Serializer};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry};

/// Starts logging for the whole process. Libraries are heard only when they have something to warn about.
pub fn start(level: &str) {
    let filter = EnvFilter::new(format!("warn,frontend={level}"));
    // A second start, as in tests of one process, keeps the first.
    let _ = Registry::default().with(filter).with(JsonLines).try_init();
}

struct JsonLines;

/// The fields of a span or an event, in the order in which they were written.
#[derive(Default)]
struct Fields(Vec<(&'static str, Value)>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for JsonLines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut own = Fields::default();
        event.record(&mut own);
        let now = OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default();
        let mut line = Fields(vec![("timestamp", now.into()), ("level", event.metadata().level().as_str().to_lowercase().into())]);
        // The message comes first, where a reader looks for it; then what the request says of itself.
        let (message, rest): (Vec<_>, Vec<_>) = own.0.into_iter().partition(|(name, _)| *name == "message");
        line.0.extend(message);
        line.0.push(("service", "frontend".into()));
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(fields) = span.extensions().get::<Fields>() {
                line.0.extend(fields.0.iter().cloned());
            }
        }
        line.0.extend(rest);
        if let Ok(mut text) = serde_json::to_vec(&line) {
            text.push(b'\n');
            // A log that nobody reads any more must not stop the service.
            let _ = std::io::stdout().lock().write_all(&text);
        }
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push((field.name(), format!("{value:?}").into()));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), value.into()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.push((field.name(), value.into()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.push((field.name(), value.into()));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.push((field.name(), value.into()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.push((field.name(), value.into()));
    }
}
