//! What may be said about one service: whether, how many, how big, where, with which settings.

use super::common::{self, Resources, rules};
use super::pod::PodOptions;
use super::scale::Autoscaling;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Settings of one service. A service that is not listed runs with its defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "!has(self.replicas) || !has(self.autoscaling)",
    "write replicas for a fixed number of pods or autoscaling for a number that follows the load, not both"
)])))]
pub struct ServiceSpec {
    // Explained by the schema itself, from the catalog.
    #[schemars(schema_with = "service_name")]
    pub name: String,
    /// Whether the service runs. A service that another enabled one cannot do without can't be disabled.
    /// Default: true.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// How many pods run. 0 stops the service and keeps everything else of it. Default: 1. Not with autoscaling.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 50))]
    pub replicas: Option<i32>,
    /// Let the number of pods follow the load, between two bounds. Default: off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<Autoscaling>,
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
    /// Networks that this service may open connections to, at any port, in CIDR form, beside those of
    /// networkPolicies.egressCIDRs. Without networkPolicies every service may reach everything. Default: none.
    #[serde(default, rename = "egressCIDRs", skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "common::networks")]
    pub egress_cidrs: Vec<String>,
    /// Where the pods run, how they end, and what they are labelled and annotated with.
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

impl ServiceSpec {
    /// The settings of a service that the platform says nothing about.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            enabled: true,
            replicas: None,
            autoscaling: None,
            resources: None,
            env: Vec::new(),
            image: None,
            egress_cidrs: Vec::new(),
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
