//! One line of JSON an event, with the request it belongs to at the top level, where a query finds it.

use std::fmt::Debug;
use std::io::Write;

use jiff::Timestamp;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Registry;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;

use crate::context::RequestContext;

/// Libraries that retell at length what the chassis says in one line.
const QUIET: &[(&str, LevelFilter)] = &[
    ("async_rs", LevelFilter::ERROR),
    ("fred", LevelFilter::ERROR),
    ("hyper", LevelFilter::WARN),
    ("lapin", LevelFilter::ERROR),
    ("sqlx", LevelFilter::WARN),
];

pub(crate) fn start(service: &'static str, version: &'static str, filter: &str) -> Result<(), String> {
    let mut targets: Targets = filter.parse().map_err(|error| format!("ORION_LOG={filter}: {error}"))?;
    if !filter.contains('=') {
        targets = targets.with_targets(QUIET.iter().copied());
    }
    Registry::default()
        .with(targets)
        .with(JsonLines { service, version })
        .try_init()
        .map_err(|error| error.to_string())
}

struct JsonLines {
    service: &'static str,
    version: &'static str,
}

impl<S: Subscriber> Layer<S> for JsonLines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line(Map::new());
        let mut put = |name: &str, value: Value| drop(line.0.insert(name.to_owned(), value));
        put("timestamp", Timestamp::now().to_string().into());
        put("level", event.metadata().level().as_str().to_lowercase().into());
        put("service", self.service.into());
        put("version", self.version.into());
        put("target", event.metadata().target().into());
        if let Some(context) = RequestContext::current() {
            put("requestId", context.request_id.clone().into());
            put("traceId", context.trace_id.clone().into());
            put("spanId", context.span_id.clone().into());
        }
        event.record(&mut line);
        let mut text = Value::Object(line.0).to_string();
        text.push('\n');
        // Nothing is left to tell anybody when standard output is gone.
        let _ = std::io::stdout().lock().write_all(text.as_bytes());
    }
}

struct Line(Map<String, Value>);

impl Line {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Line {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.put(field, format!("{value:?}"));
    }
}
