//! An OTLP/HTTP receiver that keeps what it gets, and can be as unhelpful as a collector may be.

use std::collections::HashMap;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use tokio::sync::watch;

use crate::wait::eventually;

/// How it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Takes,
    /// With a Retry-After of an hour.
    Refuses(u16),
    /// It accepts the request and says nothing.
    Silent,
}

pub struct Collector {
    url: String,
    state: Arc<Kept>,
}

struct Kept {
    mood: watch::Sender<Mood>,
    requests: watch::Sender<Vec<ExportTraceServiceRequest>>,
    asked: watch::Sender<usize>,
}

/// A span as a test wants to look at it.
#[derive(Clone, Debug)]
pub struct SeenSpan {
    pub resource: HashMap<String, String>,
    pub attributes: HashMap<String, String>,
    pub trace_id: String,
    pub span_id: String,
    /// Empty without one.
    pub parent_id: String,
    pub span: Span,
}

impl Collector {
    pub async fn new(mood: Mood) -> Self {
        let state = Arc::new(Kept {
            mood: watch::Sender::new(mood),
            requests: watch::Sender::default(),
            asked: watch::Sender::default(),
        });
        let routes =
            axum::Router::new().route("/v1/traces", axum::routing::post(take)).with_state(state.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("there is a free port");
        let address = listener.local_addr().expect("it is bound");
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { url: format!("http://{address}"), state }
    }

    /// For `ORION_OTLP_ENDPOINT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn becomes(&self, mood: Mood) {
        self.state.mood.send_replace(mood);
    }

    /// How often something was brought to it, taken or not.
    pub fn asked(&self) -> usize {
        *self.state.asked.borrow()
    }

    pub fn spans(&self) -> Vec<SeenSpan> {
        let requests = self.state.requests.borrow();
        let resources = requests.iter().flat_map(|request| &request.resource_spans);
        resources
            .flat_map(|of| {
                let resource = texts(of.resource.as_ref().map_or(&[][..], |resource| &resource.attributes));
                let spans = of.scope_spans.iter().flat_map(|scope| &scope.spans);
                spans.map(move |span| SeenSpan::new(&resource, span)).collect::<Vec<_>>()
            })
            .collect()
    }

    /// Waits until there are so many.
    pub async fn until(&self, number: usize) -> Vec<SeenSpan> {
        eventually(&format!("{number} spans have arrived"), || async {
            Some(self.spans()).filter(|spans| spans.len() >= number)
        })
        .await
    }
}

impl SeenSpan {
    fn new(resource: &HashMap<String, String>, span: &Span) -> Self {
        Self {
            resource: resource.clone(),
            attributes: texts(&span.attributes),
            trace_id: hex(&span.trace_id),
            span_id: hex(&span.span_id),
            parent_id: hex(&span.parent_span_id),
            span: span.clone(),
        }
    }

    pub fn attribute(&self, name: &str) -> &str {
        self.attributes.get(name).map(String::as_str).unwrap_or_default()
    }
}

async fn take(State(kept): State<Arc<Kept>>, headers: HeaderMap, body: Bytes) -> Response {
    kept.asked.send_modify(|asked| *asked += 1);
    let mood = *kept.mood.borrow();
    match mood {
        Mood::Refuses(status) => {
            let status = StatusCode::from_u16(status).expect("a status");
            return (status, [("retry-after", "3600")]).into_response();
        }
        Mood::Silent => std::future::pending().await,
        Mood::Takes => {}
    }
    let protobuf = headers.get("content-type").is_some_and(|kind| kind == "application/x-protobuf");
    let request = ExportTraceServiceRequest::decode(body).ok().filter(|_| protobuf);
    let Some(request) = request else { return StatusCode::BAD_REQUEST.into_response() };
    kept.requests.send_modify(|requests| requests.push(request));
    ([("content-type", "application/x-protobuf")], ExportTraceServiceResponse::default().encode_to_vec())
        .into_response()
}

fn texts(attributes: &[KeyValue]) -> HashMap<String, String> {
    let text = |of: &KeyValue| match of.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    };
    attributes.iter().map(|of| (of.key.clone(), text(of))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
