//! Metrics for Prometheus, named as OpenTelemetry's semantic conventions translate.

use std::sync::OnceLock;
use std::time::Duration;

use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

const REQUEST_DURATION: &str = "http_server_request_duration_seconds";
pub(super) const OTLP_SPANS: &str = "orion_otlp_spans_total";
/// The buckets that the conventions advise.
const SECONDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// The process has one recorder, however many services a test starts in it.
pub(crate) fn recorder() -> &'static PrometheusHandle {
    static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();
    HANDLE.get_or_init(|| {
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), SECONDS)
            .expect("the list of buckets is not empty")
            .build_recorder();
        let handle = recorder.handle();
        if metrics::set_global_recorder(recorder).is_err() {
            tracing::warn!("another recorder of metrics is installed; /metrics stays empty");
        }
        metrics::describe_histogram!(REQUEST_DURATION, metrics::Unit::Seconds, "Time to answer a request");
        metrics::describe_counter!(
            OTLP_SPANS,
            "Spans sent to the OTLP collector, refused by it, or dropped before"
        );
        handle
    })
}

pub(crate) fn set_build_info(service: &'static str, version: &'static str) {
    metrics::gauge!("orion_build_info", "service" => service, "version" => version).set(1.0);
}

/// Methods are endless too: what no client of ours would send is one of a kind.
pub(crate) fn method_name(method: &http::Method) -> &'static str {
    let known = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    known.into_iter().find(|known| *known == method.as_str()).unwrap_or("_OTHER")
}

/// `route` is the pattern, never the path: paths are endless, and name people.
pub(crate) fn request(
    service: &'static str,
    method: &http::Method,
    route: &str,
    status: u16,
    took: Duration,
) {
    metrics::histogram!(
        REQUEST_DURATION,
        "service" => service,
        "http_request_method" => method_name(method),
        "http_route" => route.to_owned(),
        "http_response_status_code" => status.to_string(),
    )
    .record(took);
}
