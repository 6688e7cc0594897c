//! Who may open connections to the platform's pods, and where these may open connections to.

use super::common;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Every pod of the platform may open and take only the connections that it needs; these are the ones beyond those that
/// the services and stores have among themselves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct NetworkPolicies {
    /// false takes the policies away and leaves the rest written. Default: true.
    pub enabled: bool,
    /// Networks that every service and the provisioning Job may open connections to, at any port, in CIDR form: where
    /// external stores, mail servers and identity providers are. What only one service needs goes to its own
    /// egressCIDRs. Default: none.
    #[serde(rename = "egressCIDRs", skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "common::networks")]
    pub egress_cidrs: Vec<String>,
    /// Pods that every service and the provisioning Job may open connections to, at any port: stores and telemetry
    /// collectors that run in the same cluster and aren't the platform's own. Default: none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub egress_to: Vec<Peers>,
    /// Pods that may read the services' metrics and health, on port 9000. Default: the operator only.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub scrape_from: Vec<Peers>,
    /// Pods that may open connections to the gateway: those of the ingress controller or the Gateway, and clients
    /// inside the cluster. Not with nodePort and loadBalancer: their clients are outside and everybody may come. Default:
    /// with ingress and gatewayApi everybody, with none nobody.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub ingress_from: Vec<Peers>,
}

impl Default for NetworkPolicies {
    fn default() -> Self {
        Self {
            enabled: true,
            egress_cidrs: Vec::new(),
            egress_to: Vec::new(),
            scrape_from: Vec::new(),
            ingress_from: Vec::new(),
        }
    }
}

/// Pods by the labels of their namespaces, and by their own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Peers {
    /// Labels that a namespace must have. Every namespace carries its name as kubernetes.io/metadata.name.
    #[schemars(schema_with = "namespace_labels")]
    pub namespace_labels: BTreeMap<String, String>,
    /// Labels that a pod in there must have. Default: every pod.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "common::label_map")]
    pub pod_labels: BTreeMap<String, String>,
}

/// What depends on other parts of the spec.
pub(super) fn rules_of_spec() -> Vec<Value> {
    let external = |store: &str| format!("has(self.{store}) && has(self.{store}.external)");
    let stores: Vec<String> = catalog::STORES.iter().map(|entry| external(entry.name)).collect();
    let on = "has(self.networkPolicies) && self.networkPolicies.enabled";
    let outside = "has(self.exposure) && (has(self.exposure.nodePort) || has(self.exposure.loadBalancer))";
    let (unreachable, useless) = (
        format!(
            "!({on} && ({})) || has(self.networkPolicies.egressCIDRs) || has(self.networkPolicies.egressTo)",
            stores.join(" || ")
        ),
        format!("!({on} && {outside}) || !has(self.networkPolicies.ingressFrom)"),
    );
    let all = common::rules(&[
        (
            &unreachable,
            "networkPolicies would shut off the external stores: write where they are in networkPolicies.egressCIDRs or, \
             if they run in this cluster, in networkPolicies.egressTo",
        ),
        (
            &useless,
            "networkPolicies.ingressFrom would shut out the clients that nodePort and loadBalancer let in, who are in no \
             namespace: leave it out, or choose another exposure",
        ),
    ]);
    all.as_array().cloned().unwrap_or_default()
}

/// An empty selector would mean every namespace.
fn namespace_labels(generator: &mut SchemaGenerator) -> Schema {
    let mut labels = common::label_map(generator);
    labels.insert("minProperties".to_owned(), 1.into());
    labels
}
