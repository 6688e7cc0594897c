//! Spans of requests and of calls, in the words of OpenTelemetry's semantic conventions for HTTP.
//!
//! What could name a person is left out: addresses of clients, queries, user agents. Whatever comes from outside is
//! cut to a length, since spans wait in memory.

use axum::extract::Request;
use http::{Method, StatusCode, header};
use opentelemetry::trace::{Span as _, SpanBuilder, SpanContext, SpanKind, Status, Tracer};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::Span;

use super::Traces;
use crate::context::RequestContext;
use crate::telemetry::method_name;

const LONGEST: usize = 256;

/// What answering one request is in a trace.
pub(crate) struct ServerSpan(Span);

impl Traces {
    /// From now on the request's ids are the span's.
    pub(crate) fn serve(
        &self,
        request: &Request,
        route: Option<&str>,
        context: &mut RequestContext,
    ) -> ServerSpan {
        let method = method_name(request.method());
        let mut attributes = vec![
            KeyValue::new("http.request.method", method),
            KeyValue::new("url.scheme", request.uri().scheme_str().unwrap_or("http").to_owned()),
            KeyValue::new("url.path", cut(request.uri().path())),
            KeyValue::new("network.protocol.version", version(request.version())),
        ];
        attributes.extend(route.map(|route| KeyValue::new("http.route", route.to_owned())));
        attributes.extend(server(request));
        let span = self.begin(SpanKind::Server, named(method, route), attributes, &context.parent());
        context.enter(span.span_context(), self);
        ServerSpan(span)
    }

    fn begin(&self, kind: SpanKind, name: String, attributes: Vec<KeyValue>, parent: &Context) -> Span {
        let builder = SpanBuilder::from_name(name).with_kind(kind).with_attributes(attributes);
        self.tracer.build_with_context(builder, parent)
    }
}

impl ServerSpan {
    /// The head of the answer is ready. One that is dropped before ends as it is: its client has gone.
    pub(crate) fn end(self, status: StatusCode) {
        // A client's own mistake is no error of the server.
        finish(self.0, status, status.is_server_error());
    }
}

/// A call to another service: what to send along, and, where traces are exported, a span of its own.
pub struct Call {
    traceparent: String,
    span: Option<Span>,
}

impl Call {
    pub(crate) fn untraced(traceparent: String) -> Self {
        Self { traceparent, span: None }
    }

    pub(crate) fn begin(
        traces: &Traces,
        parent: &Context,
        method: &Method,
        (host, port): (&str, u16),
        path: &str,
    ) -> Self {
        let method = method_name(method);
        let attributes = vec![
            KeyValue::new("http.request.method", method),
            KeyValue::new("server.address", cut(host)),
            KeyValue::new("server.port", i64::from(port)),
            KeyValue::new("url.full", format!("http://{}:{port}{}", cut(host), cut(path))),
        ];
        let span = traces.begin(SpanKind::Client, method.to_owned(), attributes, parent);
        Self { traceparent: traceparent(span.span_context()), span: Some(span) }
    }

    /// The header to send.
    pub fn traceparent(&self) -> &str {
        &self.traceparent
    }

    /// The head of the answer is there.
    pub fn answered(self, status: StatusCode) {
        if let Some(span) = self.span {
            finish(span, status, status.is_client_error() || status.is_server_error());
        }
    }

    /// There is none, for this kind of reason (`timeout`).
    pub fn failed(self, kind: &'static str) {
        if let Some(mut span) = self.span {
            span.set_attribute(KeyValue::new("error.type", kind));
            span.set_status(Status::error(kind));
            span.end();
        }
    }
}

fn finish(mut span: Span, status: StatusCode, failed: bool) {
    span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
    if failed {
        span.set_attribute(KeyValue::new("error.type", status.as_str().to_owned()));
        span.set_status(Status::error(""));
    }
    span.end();
}

fn named(method: &str, route: Option<&str>) -> String {
    route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"))
}

/// Who the client meant to reach.
fn server(request: &Request) -> Vec<KeyValue> {
    let header = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()?.parse().ok());
    let Some(authority) = request.uri().authority().cloned().or(header) else { return Vec::new() };
    let port = authority.port_u16().map(|port| KeyValue::new("server.port", i64::from(port)));
    std::iter::once(KeyValue::new("server.address", cut(authority.host()))).chain(port).collect()
}

fn version(version: http::Version) -> &'static str {
    match version {
        http::Version::HTTP_2 => "2",
        http::Version::HTTP_10 => "1.0",
        _ => "1.1",
    }
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

pub(crate) fn traceparent(span: &SpanContext) -> String {
    format!("00-{}-{}-{:02x}", span.trace_id(), span.span_id(), u8::from(span.is_sampled()))
}
