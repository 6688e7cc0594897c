//! Which request is being worked on: its id and its place in a trace, for logs, events and calls to peers.

use std::fmt::Write as _;
use std::future::Future;
use std::sync::Arc;

use http::header::HeaderName;
use http::{HeaderMap, Method};
use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use uuid::Uuid;

use crate::telemetry::{Call, Traces};

pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
pub const REQUEST_ID: HeaderName = HeaderName::from_static(contracts::REQUEST_ID_HEADER);

tokio::task_local! {
    static CURRENT: Arc<RequestContext>;
}

#[derive(Clone, Debug)]
pub struct RequestContext {
    pub request_id: String,
    /// 32 hexadecimal digits, shared by all that one request causes.
    pub trace_id: String,
    /// 16 hexadecimal digits: this service's part.
    pub span_id: String,
    pub sampled: bool,
    /// The part of the trace that asked for this one.
    parent_id: Option<String>,
    /// If traces are exported, and this request is part of one.
    traces: Option<Traces>,
}

impl RequestContext {
    /// What the caller sent, where it is sane; new where not.
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let request_id = text(&REQUEST_ID).filter(|id| is_sane(id)).map(str::to_owned);
        let parent = text(&TRACEPARENT).and_then(parse_traceparent);
        let (trace_id, parent_id, sampled) = match parent {
            Some((trace, parent, sampled)) => (trace, Some(parent), sampled),
            None => (hex(Uuid::new_v4().as_bytes()), None, false),
        };
        Self {
            request_id: request_id.unwrap_or_else(|| contracts::new_id().to_string()),
            trace_id,
            span_id: hex(&Uuid::new_v4().as_bytes()[8..]),
            sampled,
            parent_id,
            traces: None,
        }
    }

    /// For work that no request asked for.
    pub fn new() -> Self {
        Self::from_headers(&HeaderMap::new())
    }

    /// The request that the running task works on.
    pub fn current() -> Option<Arc<Self>> {
        CURRENT.try_with(Arc::clone).ok()
    }

    /// Runs `work` as part of this request. A task that is spawned inside does not inherit it.
    pub async fn scope<F: Future>(self: Arc<Self>, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }

    /// The header for a call to somebody else that has no span of its own.
    pub fn traceparent(&self) -> String {
        format!("00-{}-{}-{:02x}", self.trace_id, self.span_id, u8::from(self.sampled))
    }

    /// A call to a service as part of this request.
    pub fn call(&self, method: &Method, host: &str, port: u16, path: &str) -> Call {
        match &self.traces {
            None => Call::untraced(self.traceparent()),
            Some(traces) => {
                let own = span_context(&self.trace_id, &self.span_id, self.sampled, false);
                Call::begin(traces, &in_span(own), method, (host, port), path)
            }
        }
    }

    /// In what a span of this request begins.
    pub(crate) fn parent(&self) -> Context {
        let parent = self.parent_id.as_deref();
        in_span(parent.and_then(|parent| span_context(&self.trace_id, parent, self.sampled, true)))
    }

    /// Takes the ids of the request's span.
    pub(crate) fn enter(&mut self, span: &SpanContext, traces: &Traces) {
        self.trace_id = span.trace_id().to_string();
        self.span_id = span.span_id().to_string();
        self.sampled = span.is_sampled();
        self.traces = Some(traces.clone());
    }
}

fn span_context(trace: &str, span: &str, sampled: bool, remote: bool) -> Option<SpanContext> {
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let flags = TraceFlags::default().with_sampled(sampled);
    Some(SpanContext::new(trace, span, flags, remote, TraceState::default()))
}

fn in_span(span: Option<SpanContext>) -> Context {
    span.map_or_else(Context::new, |span| Context::new().with_remote_span_context(span))
}

impl Default for RequestContext {
    fn default() -> Self {
        Self::new()
    }
}

fn is_sane(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic())
}

/// Trace, parent, and whether the trace is recorded.
fn parse_traceparent(text: &str) -> Option<(String, String, bool)> {
    let parts: Vec<&str> = text.split('-').collect();
    let [version, trace, parent, flags, ..] = parts.as_slice() else { return None };
    let hexadecimal = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let zero = |part: &str| part.bytes().all(|b| b == b'0');
    let sane = hexadecimal(version, 2)
        && *version != "ff"
        && (*version != "00" || parts.len() == 4)
        && hexadecimal(trace, 32)
        && !zero(trace)
        && hexadecimal(parent, 16)
        && !zero(parent)
        && hexadecimal(flags, 2);
    let flags = u8::from_str_radix(flags, 16).ok()?;
    sane.then(|| ((*trace).to_owned(), (*parent).to_owned(), flags & 1 == 1))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sane_id_and_trace_are_kept_and_others_replaced() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, "abc-1".parse().unwrap());
        headers.insert(TRACEPARENT, format!("00-{trace}-00f067aa0ba902b7-01").parse().unwrap());
        let context = RequestContext::from_headers(&headers);
        assert_eq!((context.request_id.as_str(), context.trace_id.as_str()), ("abc-1", trace));
        assert!(context.traceparent().starts_with(&format!("00-{trace}-")) && context.sampled);

        headers.insert(REQUEST_ID, "a b".parse().unwrap());
        headers
            .insert(TRACEPARENT, "00-00000000000000000000000000000000-00f067aa0ba902b7-01".parse().unwrap());
        let context = RequestContext::from_headers(&headers);
        assert!(context.request_id.parse::<Uuid>().is_ok());
        assert!(!context.trace_id.starts_with("0000000000"));
    }
}
