//! Logs: one JSON object a line on standard output, with the fields of the request or job that a line belongs to.
use crate::config::LogConfig;
use serde::Serializer;
use serde_json::{Map, Value, json};
use std::fmt;
use std::io::{self, Write};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry};

/// Starts logging for this process, panics included.
pub fn init(service: &'static str, config: &LogConfig) {
    // Libraries are quieter than the application: at `debug`, every statement and every packet would bury it.
    let filter = Targets::new().with_default(config.level.min(LevelFilter::WARN)).with_target("backend", config.level);
    Registry::default().with(JsonLines { service }.with_filter(filter)).init();
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string);
        tracing::error!(location, "panic: {}", panic.payload_as_str().unwrap_or("no message"));
    }));
}

/// Writes events as JSON, with the fields of all enclosing spans beside their own.
struct JsonLines {
    service: &'static str,
}

/// The fields of a span or an event.
#[derive(Default)]
struct Fields(Map<String, Value>);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for JsonLines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            record.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut own = Fields::default();
        event.record(&mut own);
        let message = own.0.remove("message").unwrap_or_default();
        let mut fields = Map::new();
        for span in context.event_scope(event).into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(of_span) = span.extensions().get::<Fields>() {
                fields.extend(of_span.0.clone());
            }
        }
        fields.extend(own.0);
        // In this order: people read logs too.
        let level = json!(event.metadata().level().as_str().to_lowercase());
        let head = [("timestamp", timestamp()), ("level", level), ("service", json!(self.service)), ("message", message)];
        fields.retain(|name, _| head.iter().all(|(taken, _)| taken != name));
        let line = head.iter().map(|(name, value)| (*name, value)).chain(fields.iter().map(|(name, value)| (name.as_str(), value)));
        let mut text = Vec::new();
        // Writing values to memory cannot fail.
        let _ = serde_json::Serializer::new(&mut text).collect_map(line);
        text.push(b'\n');
        // There is nowhere to report that standard output is closed.
        let _ = io::stdout().lock().write_all(&text);
    }
}

fn timestamp() -> Value {
    OffsetDateTime::now_utc().format(&Rfc3339).map_or(Value::Null, Value::String)
}

impl Fields {
    fn insert(&mut self, field: &Field, value: Value) {
        self.0.insert(field.name().trim_start_matches("r#").to_owned(), value);
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.insert(field, json!(value));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.insert(field, json!(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.insert(field, json!(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.insert(field, json!(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.insert(field, json!(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.insert(field, json!(format!("{value:?}")));
    }
}
