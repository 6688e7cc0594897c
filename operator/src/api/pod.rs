//! What may be said about the pods of a service: where they run, how they end, what they are marked with.

use super::affinity::Affinity;
use super::common::{self, rules};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Placement, ending, labels and annotations of a service's pods.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PodOptions {
    /// Labels that a node must have for the pods to run there.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "node_selector")]
    pub node_selector: BTreeMap<String, String>,
    /// Taints of nodes that the pods put up with. Unless it says something about node.kubernetes.io/not-ready and
    /// node.kubernetes.io/unreachable, pods of a node that is lost are started elsewhere after 30 seconds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub tolerations: Vec<Toleration>,
    /// Nodes and pods that the pods are to be near to, or far from, as in a Pod.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub affinity: Option<Affinity>,
    /// Name of the PriorityClass of the pods: what goes first when there is room, and last when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "common::object_name")]
    pub priority_class_name: Option<String>,
    /// How many seconds a pod gets to end. Running requests get 12 less than that, unless ORION_SHUTDOWN_GRACE is in
    /// env; the others are for what comes before and after them. Default: 30.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 30, max = 600))]
    pub termination_grace_period_seconds: Option<u32>,
    /// How the pods are spread over zones or nodes; the operator adds the selector of the service's own pods.
    /// Default: evenly over nodes and over zones, as far as there is room.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    pub topology_spread: Vec<TopologySpread>,
    /// Labels of the pods, for network policies, cost reports and the like. Not the operator's own: orion.dev/* and
    /// app.kubernetes.io/name, instance, managed-by and part-of.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "pod_labels")]
    pub labels: BTreeMap<String, String>,
    /// Annotations of the pods, for meshes, log collectors and the like. Not orion.dev/*: those are the operator's.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "pod_annotations")]
    pub annotations: BTreeMap<String, String>,
}

/// A taint that the pods put up with, as in a Pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "!has(self.operator) || self.operator != 'Exists' || !has(self.value)",
    "with operator Exists leave value out"
), (
    "has(self.key) || (has(self.operator) && self.operator == 'Exists')",
    "name the taint's key, or write operator: Exists to put up with every taint"
), (
    "!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
    "tolerationSeconds goes with effect: NoExecute only"
)])))]
pub struct Toleration {
    /// Key of the taint. Left out with operator Exists: every key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 317))]
    pub key: Option<String>,
    /// Equal: the taint's value must be the one given. Exists: any value. Default: Equal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<TolerationOperator>,
    /// Value of the taint, with operator Equal.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub value: Option<String>,
    /// Effect of the taint. Left out: every effect.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effect: Option<TaintEffect>,
    /// For effect NoExecute: how many seconds a pod stays once the taint is there. Left out: for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub toleration_seconds: Option<i64>,
}

/// How a toleration compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TolerationOperator {
    Equal,
    Exists,
}

/// What a taint does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TaintEffect {
    NoSchedule,
    PreferNoSchedule,
    NoExecute,
}

/// How evenly pods are spread over the values of a node label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TopologySpread {
    /// How many more pods one value may have than another, from 1.
    #[schemars(range(min = 1, max = 50))]
    pub max_skew: i32,
    /// Label of the nodes, as in topology.kubernetes.io/zone.
    #[schemars(length(min = 1, max = 317))]
    pub topology_key: String,
    /// DoNotSchedule: a pod that would break the rule waits. ScheduleAnyway: it runs. Default: ScheduleAnyway.
    #[serde(default)]
    pub when_unsatisfiable: WhenUnsatisfiable,
}

/// What happens to a pod that can't be placed evenly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum WhenUnsatisfiable {
    DoNotSchedule,
    #[default]
    ScheduleAnyway,
}

fn node_selector(_: &mut SchemaGenerator) -> Schema {
    common::string_map(16, 63, &[common::LABEL_VALUES])
}

/// Kubernetes' own hash is in the list too: a Deployment tells its generations apart by it.
fn pod_labels(_: &mut SchemaGenerator) -> Schema {
    let own = (
        "self.all(key, !key.startsWith('orion.dev/') && !(key in ['app.kubernetes.io/name', 'app.kubernetes.io/instance', 'app.kubernetes.io/managed-by', 'app.kubernetes.io/part-of', 'pod-template-hash']))",
        "the operator sets this label itself: leave it out, or choose another name",
    );
    common::string_map(16, 63, &[common::LABEL_VALUES, own])
}

fn pod_annotations(_: &mut SchemaGenerator) -> Schema {
    common::string_map(
        32,
        4096,
        &[(
            "self.all(key, !key.startsWith('orion.dev/'))",
            "annotations that start with orion.dev/ are the operator's own: choose another name",
        )],
    )
}
