//! What Prometheus learns of a platform, by the objects of Prometheus' operator.

use super::common::{self, LABEL_VALUES};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Objects for Prometheus' operator (monitoring.coreos.com/v1). They are made where the cluster knows their kinds, or
/// within minutes once it does; a platform is whole without them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Monitoring {
    /// A PodMonitor named <platform>-services, by which every pod of every service is scraped. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_monitor: Option<PodMonitor>,
    /// A PrometheusRule named <platform>-alerts, with what is worth waking somebody up for. It needs the operator
    /// scraped too: the chart's metrics.serviceMonitor.enabled. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<AlertRules>,
}

/// How services are scraped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PodMonitor {
    /// Labels of the PodMonitor: what your Prometheus selects PodMonitors by, as in release: prometheus.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "labels")]
    pub labels: BTreeMap<String, String>,
    /// How often each pod is scraped, as in "15s" or "1m"; from 5s to 1h. Default: 30s.
    #[schemars(schema_with = "interval")]
    pub interval: String,
}

/// How it is alerted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct AlertRules {
    /// Labels of the PrometheusRule: what your Prometheus selects rules by, as in release: prometheus.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "labels")]
    pub labels: BTreeMap<String, String>,
}

impl Default for PodMonitor {
    fn default() -> Self {
        Self { labels: BTreeMap::new(), interval: "30s".to_owned() }
    }
}

fn labels(_: &mut SchemaGenerator) -> Schema {
    let own = (
        "self.all(key, !key.startsWith('orion.dev/') && !key.startsWith('app.kubernetes.io/'))",
        "labels that start with orion.dev/ or app.kubernetes.io/ are the operator's own: choose another name",
    );
    common::string_map(16, 63, &[LABEL_VALUES, own])
}

fn interval(_: &mut SchemaGenerator) -> Schema {
    common::string(
        8,
        &[(
            "self.matches('^([0-9]{1,2}h)?([0-9]{1,3}m)?([0-9]{1,4}s)?$') && self != '' && duration(self) >= duration('5s') && duration(self) <= duration('1h')",
            "not a time between 5s and 1h: write it as \"15s\", \"30s\" or \"1m\"",
        )],
    )
}
