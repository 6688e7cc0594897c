//! How clients outside the cluster reach the gateway.

use super::common::{self, rules};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How clients outside the cluster reach the gateway: exactly one of none, nodePort or loadBalancer.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "[has(self.none), has(self.nodePort), has(self.loadBalancer)].filter(set, set).size() == 1",
    "write exactly one of none, nodePort or loadBalancer, as in \"nodePort: {}\""
)])))]
pub struct Exposure {
    /// Reachable from inside the cluster only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub none: Option<NoExposure>,
    /// A port on every node.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_port: Option<NodePort>,
    /// A load balancer of the cluster's provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_balancer: Option<LoadBalancer>,
}

/// Reachable from inside the cluster only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NoExposure {}

/// A port on every node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NodePort {
    /// The port, in the range that the cluster allows, usually 30000 to 32767. Default: one that the cluster picks,
    /// and keeps.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<i32>,
}

/// A load balancer of the cluster's provider.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "has(self.class) == has(oldSelf.class) && (!has(self.class) || self.class == oldSelf.class)",
    "loadBalancer.class can't be changed: write exposure with none first, then with the new class"
)])))]
pub struct LoadBalancer {
    /// Port on which the load balancer listens. Default: 80.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<i32>,
    /// The class of load balancer, where a cluster has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 317))]
    pub class: Option<String>,
    /// Annotations of the Service, with which providers are told what is wanted.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "annotations")]
    pub annotations: BTreeMap<String, String>,
}

fn annotations(_: &mut SchemaGenerator) -> Schema {
    common::string_map(32, 4096, &[])
}
