//! What Prometheus' operator is given: where the services' figures are, and what of them is worth waking somebody up for.
//!
//! These objects are not in a plan, and so in no revision: going back to what ran before must not take an alarm away.

mod alerts;

use super::scope::{INSTANCE_LABEL, MANAGED_BY_LABEL, MANAGER, NAME_LABEL};
use crate::api::{OrionPlatform, PodMonitor};
use catalog::object_name;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const API_VERSION: &str = "monitoring.coreos.com/v1";

/// The objects that the spec asks for. Pure.
pub fn objects(platform: &OrionPlatform) -> Vec<Value> {
    let Some(monitoring) = &platform.spec.monitoring else { return Vec::new() };
    let pods = monitoring.pod_monitor.as_ref().map(|wanted| pod_monitor(platform, wanted));
    let alerts = monitoring.rules.as_ref().map(|wanted| {
        let groups = json!([{"name": "orion", "rules": alerts::rules(platform)}]);
        object(platform, "PrometheusRule", "alerts", &wanted.labels, json!({"groups": groups}))
    });
    pods.into_iter().chain(alerts).collect()
}

fn pod_monitor(platform: &OrionPlatform, wanted: &PodMonitor) -> Value {
    let selector = json!({INSTANCE_LABEL: name(platform), MANAGED_BY_LABEL: MANAGER});
    let spec = json!({
        // Stores have no port of this name, so their pods are no targets.
        "selector": {"matchLabels": selector},
        "podMetricsEndpoints": [{
            "port": "management",
            "path": "/metrics",
            "interval": wanted.interval,
            "relabelings": [{"targetLabel": "platform", "replacement": name(platform)}],
        }],
    });
    object(platform, "PodMonitor", "services", &wanted.labels, spec)
}

fn object(
    platform: &OrionPlatform,
    kind: &str,
    part: &str,
    labels: &BTreeMap<String, String>,
    spec: Value,
) -> Value {
    let mut all = labels.clone();
    for (label, value) in [
        (NAME_LABEL, "monitoring"),
        (INSTANCE_LABEL, name(platform)),
        (MANAGED_BY_LABEL, MANAGER),
        ("app.kubernetes.io/part-of", "orion"),
    ] {
        all.insert(label.to_owned(), value.to_owned());
    }
    let name = object_name(name(platform), part);
    json!({
        "apiVersion": API_VERSION,
        "kind": kind,
        "metadata": {"name": name, "namespace": namespace(platform), "labels": all},
        "spec": spec,
    })
}

fn name(platform: &OrionPlatform) -> &str {
    platform.metadata.name.as_deref().unwrap_or_default()
}

fn namespace(platform: &OrionPlatform) -> &str {
    platform.metadata.namespace.as_deref().unwrap_or("default")
}
