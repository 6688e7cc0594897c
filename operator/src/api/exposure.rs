//! How clients outside the cluster reach the gateway.

use super::common::{self, rules};
use super::routes::{GatewayApi, Ingress};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How clients outside the cluster reach the gateway: exactly one of none, nodePort, loadBalancer, ingress or gatewayApi.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "[has(self.none), has(self.nodePort), has(self.loadBalancer), has(self.ingress), has(self.gatewayApi)].filter(set, set).size() == 1",
    "write exactly one of none, nodePort, loadBalancer, ingress or gatewayApi, as in \"nodePort: {}\""
)])))]
pub struct Exposure {
    /// Reachable from inside the cluster only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub none: Option<NoExposure>,
    /// A port on every node. The gateway speaks plain HTTP: for TLS put something in front that ends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_port: Option<NodePort>,
    /// A load balancer of the cluster's provider. The gateway speaks plain HTTP: TLS ends at the balancer, which is told
    /// how by its provider's annotations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_balancer: Option<LoadBalancer>,
    /// A host of the cluster's ingress controller, where TLS ends too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ingress: Option<Ingress>,
    /// Hosts of a Gateway that somebody else looks after, where TLS ends too. It needs the Gateway API in the cluster; a
    /// platform that finds none is Stalled and says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway_api: Option<GatewayApi>,
    /// Networks of the proxies in front of the gateway, in CIDR form, as in "10.42.7.0/24": the addresses that the pods
    /// of an ingress controller have, or those of a load balancer that speaks HTTP. What they write into X-Forwarded-For
    /// and X-Forwarded-Proto is believed, what anybody else writes is not. Behind an ingress or a Gateway whose proxies
    /// are not named nobody's address is known, and failed logins are counted by account only. Everything in these
    /// networks can claim to be any client, so name them as narrowly as can be. Default: none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "common::networks")]
    pub trusted_proxies: Vec<String>,
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
    /// Cluster: every node takes requests and puts its own address in the client's place, so that failed logins can be
    /// counted by account only. Local: only nodes with a pod of the gateway take requests, and client addresses are
    /// kept. Default: Cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_traffic_policy: Option<ExternalTrafficPolicy>,
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
    /// Local: the balancer sends to nodes with a pod of the gateway only, and client addresses are kept. Cluster: every
    /// node takes requests and puts its own address in the client's place, so that failed logins can be counted by
    /// account only. Default: Local.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_traffic_policy: Option<ExternalTrafficPolicy>,
    /// Annotations of the Service, with which providers are told what is wanted: a certificate for TLS, an internal
    /// address, a size.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "annotations")]
    pub annotations: BTreeMap<String, String>,
}

/// Which nodes take requests for the gateway, as in a Service's field of the same name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ExternalTrafficPolicy {
    /// Every node; where the client is, is lost on the way.
    Cluster,
    /// The nodes that have a pod of the gateway; the client's address is kept.
    Local,
}

impl Exposure {
    /// How a Service of this exposure takes requests; None where there is no such Service.
    pub fn external_traffic_policy(&self) -> Option<ExternalTrafficPolicy> {
        match self {
            Self { node_port: Some(node_port), .. } => {
                // A NodePort that answers on some nodes only would look broken to whoever tries the first one.
                Some(node_port.external_traffic_policy.unwrap_or(ExternalTrafficPolicy::Cluster))
            }
            // A balancer asks the nodes which of them have a pod.
            Self { load_balancer: Some(balancer), .. } => {
                Some(balancer.external_traffic_policy.unwrap_or(ExternalTrafficPolicy::Local))
            }
            _ => None,
        }
    }
}

fn annotations(_: &mut SchemaGenerator) -> Schema {
    common::string_map(32, 4096, &[])
}
