//! The operator's own figures, for Prometheus. What happened is counted as it happens; what is so is read when somebody
//! asks, from the same cache of platforms that reconciles read: so that the series of a platform that is gone are gone.
//!
//! docs/monitoring.md lists them; a test keeps the two alike.

pub mod platforms;
pub mod requests;
pub mod waiting;

mod text;

use super::cache::Cache;
use super::leader::Leadership;
use crate::api::OrionPlatform;
use anyhow::Context as _;
use kube::runtime::reflector::Store;
use metrics::Unit;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use waiting::Waiting;

pub const BUILD_INFO: &str = "orion_operator_build_info";
pub const LEADER: &str = "orion_operator_leader";
pub const PLATFORMS: &str = "orion_operator_platforms";
pub const QUEUE_DEPTH: &str = "orion_operator_queue_depth";
pub const QUEUE_WAIT: &str = "orion_operator_queue_wait_seconds";
pub const RECONCILE_DURATION: &str = "orion_operator_reconcile_duration_seconds";
pub const RECONCILE_ERRORS: &str = "orion_operator_reconcile_errors_total";
pub const API_REQUESTS: &str = "orion_operator_api_requests_total";

/// All that are counted; those that are read are in `platforms`.
pub const COUNTED: [&str; 8] = [
    BUILD_INFO,
    LEADER,
    PLATFORMS,
    QUEUE_DEPTH,
    QUEUE_WAIT,
    RECONCILE_DURATION,
    RECONCILE_ERRORS,
    API_REQUESTS,
];

/// From one look at the caches to a reconcile that writes everything anew, through a slow API server.
const SECONDS: &[f64] = &[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// What a running operator shows of itself.
#[derive(Default)]
pub struct Shown {
    pub cache: Arc<Cache>,
    pub waiting: Arc<Waiting>,
    running: OnceLock<(Store<OrionPlatform>, Leadership)>,
}

impl Shown {
    /// To be called once, when the operator has begun to watch.
    pub fn runs(&self, platforms: Store<OrionPlatform>, leadership: Leadership) {
        let _ = self.running.set((platforms, leadership));
    }
}

/// All that an answer on /metrics is made from.
#[derive(Clone)]
pub struct Figures {
    counted: PrometheusHandle,
    shown: Arc<Shown>,
}

/// Sets up the process's figures; to be called once.
pub fn install() -> anyhow::Result<PrometheusHandle> {
    let builder = PrometheusBuilder::new().set_buckets(SECONDS).context("the buckets are wrong")?;
    let handle = builder.install_recorder().context("another recorder of metrics is there already")?;
    describe();
    Ok(handle)
}

fn describe() {
    metrics::describe_gauge!(BUILD_INFO, "The operator's version. Always 1.");
    metrics::describe_gauge!(LEADER, "1 while this operator works, 0 while it stands by.");
    metrics::describe_gauge!(PLATFORMS, "Platforms that this operator watches.");
    metrics::describe_gauge!(QUEUE_DEPTH, "Platforms that wait to be looked at.");
    metrics::describe_histogram!(
        QUEUE_WAIT,
        Unit::Seconds,
        "Time from a change to the start of the reconcile that looks at it, with the 50 ms in which changes are gathered."
    );
    metrics::describe_histogram!(
        RECONCILE_DURATION,
        Unit::Seconds,
        "Time that one look at one platform took, by result: success, conflict (looked at again at once) or error."
    );
    metrics::describe_counter!(RECONCILE_ERRORS, "Reconciles that ended with an error, by its kind.");
    metrics::describe_counter!(
        API_REQUESTS,
        "Requests to the API server by method and status code; code error: no answer."
    );
    metrics::gauge!(BUILD_INFO, "version" => crate::version()).set(1.0);
}

impl Figures {
    pub fn new(counted: PrometheusHandle, shown: Arc<Shown>) -> Self {
        Self { counted, shown }
    }

    /// To be called every few seconds: what was measured is sorted into its buckets.
    pub fn upkeep(&self) {
        self.counted.run_upkeep();
    }

    /// The answer on /metrics.
    pub fn text(&self) -> String {
        let (leads, platforms) = match self.shown.running.get() {
            Some((platforms, leadership)) => (leadership.held(), platforms.state()),
            None => (false, Vec::new()),
        };
        metrics::gauge!(LEADER).set(if leads { 1.0 } else { 0.0 });
        metrics::gauge!(PLATFORMS).set(platforms.len() as f64);
        metrics::gauge!(QUEUE_DEPTH).set(self.shown.waiting.depth() as f64);
        let mut text = self.counted.render();
        // One that stands by knows the same platforms: each would be counted twice.
        if leads {
            text.push_str(&platforms::text(&platforms));
        }
        text
    }
}

/// `result` is success, conflict or error.
pub fn reconciled(result: &'static str, took: Duration) {
    metrics::histogram!(RECONCILE_DURATION, "result" => result).record(took);
}

pub fn reconcile_failed(kind: &'static str) {
    metrics::counter!(RECONCILE_ERRORS, "kind" => kind).increment(1);
}
