//! Ways in through something that the cluster has already: its ingress controller, or a Gateway.

use super::common::{self, rules};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A host of the cluster's ingress controller.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Ingress {
    /// The IngressClass. Default: the cluster's own default class.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "common::object_name")]
    pub class_name: Option<String>,
    /// The name by which clients reach the gateway, as in "shop.example.com".
    #[schemars(schema_with = "common::route_host")]
    pub host: String,
    /// Only paths that begin so are let through, as they are. Default: "/", which is every path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "path")]
    pub path: Option<String>,
    /// Annotations of the Ingress, with which its controller is told what is wanted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(schema_with = "annotations")]
    pub annotations: BTreeMap<String, String>,
    /// The certificate for the host. Default: none, which with most controllers is plain HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<IngressTls>,
}

/// Where an Ingress has its certificate from: exactly one of secretName or certManager.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "has(self.secretName) != has(self.certManager)",
    "write exactly one of secretName or certManager"
)])))]
pub struct IngressTls {
    /// A Secret of type kubernetes.io/tls in the platform's own namespace, with tls.crt and tls.key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "common::object_name")]
    pub secret_name: Option<String>,
    /// cert-manager gets the certificate and renews it. It must be installed; a platform that finds no cert-manager is
    /// Stalled and says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cert_manager: Option<CertManager>,
}

/// A certificate from cert-manager.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CertManager {
    /// Who signs it.
    pub issuer: Issuer,
}

/// An issuer of cert-manager.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Issuer {
    /// Name of the issuer.
    #[schemars(schema_with = "common::object_name")]
    pub name: String,
    /// ClusterIssuer: one for the whole cluster. Issuer: one in the platform's own namespace. Default: ClusterIssuer.
    #[serde(default)]
    pub kind: IssuerKind,
}

/// Where an issuer of cert-manager is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum IssuerKind {
    #[default]
    ClusterIssuer,
    Issuer,
}

/// Hosts of a Gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GatewayApi {
    /// The names by which clients reach the gateway, as in "shop.example.com".
    #[schemars(schema_with = "hosts")]
    pub hosts: Vec<String>,
    /// The Gateways, or listeners of them, that the HTTPRoute is attached to. They decide which namespaces' routes they
    /// take, and whether clients come by https.
    #[schemars(length(min = 1, max = 8))]
    pub parent_refs: Vec<ParentRef>,
}

/// A Gateway, or one listener of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ParentRef {
    /// Name of the Gateway.
    #[schemars(schema_with = "common::object_name")]
    pub name: String,
    /// Namespace of the Gateway. Default: the platform's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "common::object_name")]
    pub namespace: Option<String>,
    /// Name of one listener. Default: all that take the route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "common::object_name")]
    pub section_name: Option<String>,
}

fn path(_: &mut SchemaGenerator) -> Schema {
    common::string(
        256,
        &[(
            "self.matches('^/[A-Za-z0-9._~/-]*$') && !self.contains('//') && !self.contains('/.')",
            "not a path: begin it with '/' and use letters, digits, '-', '_', '~' and '.', as in \"/api\"",
        )],
    )
}

fn hosts(generator: &mut SchemaGenerator) -> Schema {
    let host = common::route_host(generator);
    json_schema!({
        "type": "array", "minItems": 1, "maxItems": 16, "items": host, "x-kubernetes-list-type": "set",
    })
}

fn annotations(_: &mut SchemaGenerator) -> Schema {
    common::string_map(32, 4096, &[])
}
