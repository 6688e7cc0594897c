//! What may be said about one service: whether, how many, how big, where, with which settings.

use super::common::{self, Resources, rules};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Settings of one service. A service that is not listed runs with its defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceSpec {
    // Explained by the schema itself, from the catalog.
    #[schemars(schema_with = "service_name")]
    pub name: String,
    /// Whether the service runs. A service that another enabled one cannot do without can't be disabled.
    /// Default: true.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// How many pods run. 0 stops the service and keeps everything else of it. Default: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 50))]
    pub replicas: Option<i32>,
    /// CPU and memory of each pod. Default: requests of 50m CPU and 32Mi of memory, a limit of 256Mi of memory, no
    /// CPU limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Settings of the service as environment variables, as in ORION_LOG=debug. The service refuses to start with a
    /// variable ORION_* that it doesn't know. Variables that the operator sets itself can't be set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "env_list")]
    pub env: Vec<EnvVar>,
    /// Image of the service, instead of the one that follows from spec.image.registry and spec.version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "common::image")]
    pub image: Option<String>,
    /// Where the pods run and what they are annotated with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pod: Option<PodOptions>,
}

/// One environment variable.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EnvVar {
    /// Name of the variable.
    #[schemars(schema_with = "env_name")]
    pub name: String,
    /// Value of the variable, at most 4096 characters. Not for secrets: the object is readable by many.
    #[serde(default)]
    #[schemars(length(max = 4096))]
    pub value: String,
}

/// Placement and annotations of a service's pods.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct PodOptions {
    /// Labels that a node must have for the pods to run there.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "node_selector")]
    pub node_selector: BTreeMap<String, String>,
    /// Taints of nodes that the pods put up with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    pub tolerations: Vec<Toleration>,
    /// How the pods are spread over zones or nodes; the operator adds the selector of the service's own pods.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 4))]
    pub topology_spread: Vec<TopologySpread>,
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

impl ServiceSpec {
    /// The settings of a service that the platform says nothing about.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            enabled: true,
            replicas: None,
            resources: None,
            env: Vec::new(),
            image: None,
            pod: None,
        }
    }
}

fn yes() -> bool {
    true
}

fn service_name(_: &mut SchemaGenerator) -> Schema {
    let names: Vec<&str> = catalog::SERVICES.iter().map(|s| s.name).collect();
    let each: Vec<String> = catalog::SERVICES.iter().map(|s| format!("{}: {}", s.name, s.summary)).collect();
    let description = format!("Which service this is about. {}", each.join(" "));
    json_schema!({"type": "string", "enum": names, "description": description})
}

fn node_selector(_: &mut SchemaGenerator) -> Schema {
    common::string_map(
        16,
        63,
        &[(
            "self.all(key, self[key].matches('^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$'))",
            "a value is not that of a label: use letters, digits, '-', '_' and '.'",
        )],
    )
}

fn env_list(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 64,
        "items": generator.subschema_for::<EnvVar>(),
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
    })
}

fn env_name(_: &mut SchemaGenerator) -> Schema {
    common::string(
        128,
        &[
            (
                "self.matches('^[A-Za-z_][A-Za-z0-9_]*$')",
                "not a name for a variable: use letters, digits and '_', and don't start with a digit",
            ),
            (&crate::plan::reserved_env_rule(), "the operator sets this variable itself: leave it out"),
        ],
    )
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
