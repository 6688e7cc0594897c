//! Small types and string schemas that several parts of the resource share.
//!
//! Every string has a length and every rule a message that says what to write: unbounded ones would not fit the API
//! server's budget for CEL.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Computing resources of one container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "!has(self.requests) || !has(self.limits) || !has(self.requests.cpu) || !has(self.limits.cpu) || !isQuantity(self.requests.cpu) || !isQuantity(self.limits.cpu) || quantity(self.requests.cpu).compareTo(quantity(self.limits.cpu)) <= 0",
    "requests.cpu is more than limits.cpu: lower the request or raise the limit"
), (
    "!has(self.requests) || !has(self.limits) || !has(self.requests.memory) || !has(self.limits.memory) || !isQuantity(self.requests.memory) || !isQuantity(self.limits.memory) || quantity(self.requests.memory).compareTo(quantity(self.limits.memory)) <= 0",
    "requests.memory is more than limits.memory: lower the request or raise the limit"
)])))]
pub struct Resources {
    /// What the scheduler sets aside for the container. A part that is left out keeps the operator's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<ResourceList>,
    /// What the container may use at most. Without limits.cpu there is no CPU limit; limits.memory has a default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<ResourceList>,
}

/// An amount of CPU and memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ResourceList {
    /// CPU in cores, as a string: "250m" is a quarter of a core, "2" is two.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "cpu")]
    pub cpu: Option<String>,
    /// Memory in bytes, as a string with a unit: "128Mi", "2Gi".
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "bytes")]
    pub memory: Option<String>,
}

/// A Secret in the platform's own namespace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretRef {
    /// Name of the Secret, in the platform's own namespace.
    #[schemars(schema_with = "object_name")]
    pub name: String,
}

/// A certificate authority in a Secret of the platform's own namespace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuthorityRef {
    /// Name of the Secret, in the platform's own namespace.
    #[schemars(schema_with = "object_name")]
    pub name: String,
    /// Key in the Secret with the authority's certificate, as PEM; several are possible. Default: ca.crt.
    #[serde(default = "ca_crt")]
    #[schemars(schema_with = "secret_key")]
    pub key: String,
}

fn ca_crt() -> String {
    "ca.crt".to_owned()
}

fn secret_key(_: &mut SchemaGenerator) -> Schema {
    string(
        253,
        &[(
            "self.matches('^[-._a-zA-Z0-9]+$') && self != '.' && self != '..'",
            "not the key of a Secret: use letters, digits, '-', '_' and '.', as in \"ca.crt\"",
        )],
    )
}

/// A string no longer than `max` with rules, each a CEL expression over `self` and a message.
pub(super) fn string(max: u32, all: &[(&str, &str)]) -> Schema {
    json_schema!({"type": "string", "maxLength": max, "x-kubernetes-validations": rules(all)})
}

/// A time in hours, minutes and seconds, between two bounds.
pub(super) fn duration((least, most): (&str, &str), message: &str) -> Schema {
    let form = "self.matches('^([0-9]{1,4}h)?([0-9]{1,5}m)?([0-9]{1,6}s)?$') && self != ''";
    let rule =
        format!("{form} && duration(self) >= duration('{least}') && duration(self) <= duration('{most}')");
    string(16, &[(&rule, message)])
}

/// CEL expressions over `self`, each with the message of its refusal, as Kubernetes has them in a schema.
pub(super) fn rules(all: &[(&str, &str)]) -> Value {
    all.iter().map(|(rule, message)| json!({"rule": rule, "message": message})).collect()
}

fn cpu(_: &mut SchemaGenerator) -> Schema {
    string(
        32,
        &[(
            "isQuantity(self) && quantity(self).isGreaterThan(quantity('0'))",
            "not an amount of CPU: write cores as \"2\" or thousandths of one as \"250m\"",
        )],
    )
}

pub(super) fn bytes(_: &mut SchemaGenerator) -> Schema {
    string(
        32,
        &[(
            "isQuantity(self) && quantity(self).isGreaterThan(quantity('1023'))",
            "not an amount of bytes of at least 1Ki: write it with a unit, as \"512Mi\" or \"8Gi\"",
        )],
    )
}

pub(super) fn object_name(_: &mut SchemaGenerator) -> Schema {
    string(
        253,
        &[(
            "self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",
            "not the name of a Kubernetes object: use lower-case letters, digits, '-' and '.'",
        )],
    )
}

/// A host name as a route has it, perhaps with a wildcard for its first label.
pub(super) fn route_host(_: &mut SchemaGenerator) -> Schema {
    string(
        253,
        &[(
            r"!isIP(self) && self.matches('^([*]\\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$')",
            "not the name of a host: write it in lower case without scheme, port and path, as in \"shop.example.com\" or \"*.example.com\"",
        )],
    )
}

/// A list of networks.
pub(super) fn networks(_: &mut SchemaGenerator) -> Schema {
    let network = string(
        43,
        &[(
            "isCIDR(self)",
            "not a network: write address/bits, as in \"10.0.0.0/8\"; one address is \"192.0.2.7/32\"",
        )],
    );
    json_schema!({"type": "array", "maxItems": 16, "items": network, "x-kubernetes-list-type": "set"})
}

pub(super) fn image(_: &mut SchemaGenerator) -> Schema {
    string(
        512,
        &[(
            r"self.matches('^([A-Za-z0-9.-]+(:[0-9]{1,5})?/)?[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[a-f0-9]{64})?$')",
            "not an image: write [registry/]name[:tag][@sha256:digest], as in \"ghcr.io/acme/auth:1.2.3\"",
        )],
    )
}

/// The rule for the name of a label or an annotation.
const KEYS: (&str, &str) = (
    "self.all(key, key.size() <= 317 && key.matches('^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$'))",
    "a key is not a name as Kubernetes has them: write name or example.com/name, in letters, digits, '-', '_' and '.'",
);

/// The rule for the values of labels.
pub(super) const LABEL_VALUES: (&str, &str) = (
    "self.all(key, self[key].matches('^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$'))",
    "a value is not that of a label: use letters, digits, '-', '_' and '.'",
);

/// Labels to be found, at most eight.
pub(super) fn label_map(_: &mut SchemaGenerator) -> Schema {
    string_map(8, 63, &[LABEL_VALUES])
}

/// Annotations, or labels of nodes, of at most `max` entries, with rules beside the one for their keys.
pub(super) fn string_map(max: u32, value_length: u32, more: &[(&str, &str)]) -> Schema {
    let all: Vec<(&str, &str)> = [KEYS].iter().chain(more).copied().collect();
    json_schema!({
        "type": "object",
        "maxProperties": max,
        "additionalProperties": {"type": "string", "maxLength": value_length},
        "x-kubernetes-validations": rules(&all),
    })
}
