//! What is counted of each service behind the gateway.

use std::time::Duration;

use http::StatusCode;

const UPSTREAM_DURATION: &str = "orion_gateway_upstream_duration_seconds";
const REVOCATION_UNKNOWN: &str = "orion_gateway_revocation_unknown_total";

/// Time until the head of the answer; without a status there was none.
pub(crate) fn upstream(service: &'static str, status: Option<StatusCode>, took: Duration) {
    let status = status.map_or_else(|| "none".to_owned(), |status| status.as_str().to_owned());
    metrics::histogram!(UPSTREAM_DURATION, "upstream" => service, "http_response_status_code" => status)
        .record(took);
}

/// A token was judged without knowing whether it was revoked.
pub(crate) fn revocation_unknown() {
    metrics::counter!(REVOCATION_UNKNOWN).increment(1);
}
