//! The resource itself and the parts of its spec that concern the platform as a whole.

use super::backup::{BackupSpec, RestoreSpec};
use super::common::{self, SecretRef};
use super::credentials::CredentialsSpec;
use super::exposure::Exposure;
use super::monitoring::Monitoring;
use super::network::NetworkPolicies;
use super::rollout::{RolloutSpec, Updates};
use super::services::ServiceSpec;
use super::status::OrionPlatformStatus;
use super::stores::StoreSpec;
use catalog::Store;
use kube::CustomResource;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// A whole ORION platform: data stores, services and the way in. `spec: {}` is complete.
#[derive(CustomResource, Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[kube(
    group = "orion.dev",
    version = "v1alpha1",
    kind = "OrionPlatform",
    plural = "orionplatforms",
    singular = "orionplatform",
    shortname = "orion",
    namespaced,
    status = "OrionPlatformStatus",
    derive = "PartialEq",
    doc = "A whole ORION platform: data stores, services and the way in, brought up and taken down tier by tier. `spec: {}` is complete.",
    validation = (
        "self.metadata.name.size() <= 40",
        "metadata.name is longer than 40 characters: choose a shorter one, the platform's objects are named after it"
    ),
    validation = (
        "self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
        "metadata.name must start with a letter and have only lower-case letters, digits and '-': the platform's Services are named after it"
    ),
    printcolumn = r#"{"name":"Phase","type":"string","jsonPath":".status.phase"}"#,
    printcolumn = r#"{"name":"Ready","type":"string","jsonPath":".status.conditions[?(@.type==\"Ready\")].status"}"#,
    printcolumn = r#"{"name":"Tier","type":"string","jsonPath":".status.tier","description":"The tier that is being worked on, or the last one."}"#,
    printcolumn = r#"{"name":"Version","type":"string","jsonPath":".status.version"}"#,
    printcolumn = r#"{"name":"Age","type":"date","jsonPath":".metadata.creationTimestamp"}"#,
    printcolumn = r#"{"name":"URL","type":"string","jsonPath":".status.url","priority":1}"#,
    printcolumn = r#"{"name":"Message","type":"string","jsonPath":".status.message","priority":1}"#
)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = rules_of_spec()))]
pub struct OrionPlatformSpec {
    /// Version of all services, as in "1.2.3": the tag of their images. Default: the operator's own version, so that
    /// the platform is upgraded with the operator; write it to keep a version.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "version")]
    pub version: Option<String>,
    /// Where the services' images come from.
    pub image: ImageSpec,
    /// The PostgreSQL that keeps the services' databases. Default: managed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub postgres: Option<StoreSpec>,
    /// The Redis that keeps revocations, sessions and caches. Default: managed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redis: Option<StoreSpec>,
    /// The RabbitMQ that carries the services' events. Default: managed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rabbitmq: Option<StoreSpec>,
    /// Settings of single services. A service that is not listed runs with its defaults.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "service_list")]
    pub services: Vec<ServiceSpec>,
    /// How clients outside the cluster reach the gateway. Default: not at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exposure: Option<Exposure>,
    /// Deny by default: every pod of the platform may open and take only the connections that it needs, and those named
    /// here. `networkPolicies: {}` is enough where everything is the platform's own. It takes a network that enforces
    /// NetworkPolicies. Default: no policies, so that nothing breaks that nobody has named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_policies: Option<NetworkPolicies>,
    /// What Prometheus learns of the platform. Default: nothing is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monitoring: Option<Monitoring>,
    /// Backups of the managed PostgreSQL and Redis. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup: Option<BackupSpec>,
    /// A backup to restore: before the services start, or, where they run, under them, after which they are restarted. It
    /// is done once and does nothing more when it stays here. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restore: Option<RestoreSpec>,
    /// How changes are rolled out.
    pub rollout: RolloutSpec,
    /// When the services' accounts in the data stores are replaced.
    pub credentials: CredentialsSpec,
    /// Who decides when a newer operator changes what runs. Automatic: it does so at once, tier by tier. Manual: nothing
    /// is restarted, the condition UpdateAvailable says that there is something to approve, and an edit of the spec
    /// changes only what the edit means. Approve with `orion approve`, or with the annotation orion.dev/approve.
    /// Default: Automatic.
    pub updates: Updates,
    /// While true the operator changes nothing: no install, no update, no repair. Status goes on, and deleting the
    /// platform works. Default: false.
    pub paused: bool,
    /// What becomes of the managed stores' volumes and passwords when the platform is deleted. RetainData keeps
    /// them, and a platform of the same name takes them up again. Delete removes them for good. What is in external
    /// stores stays under either, with the Secrets it can't be read without. Default: RetainData.
    pub deletion_policy: DeletionPolicy,
}

/// Where images come from.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ImageSpec {
    /// Registry and path before the services' names: the image of auth is <registry>/auth:<version>.
    /// Default: ghcr.io/orion-platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "registry")]
    pub registry: Option<String>,
    /// When a node fetches an image: IfNotPresent, Always, or Never (it must be there). Default: IfNotPresent.
    pub pull_policy: PullPolicy,
    /// Secrets with which images are fetched, of services and stores alike.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub pull_secrets: Vec<SecretRef>,
}

/// When a node fetches an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PullPolicy {
    #[default]
    IfNotPresent,
    Always,
    Never,
}

/// What becomes of the managed stores' data when the platform is deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeletionPolicy {
    #[default]
    RetainData,
    Delete,
}

pub const DEFAULT_REGISTRY: &str = "ghcr.io/orion-platform";
impl OrionPlatformSpec {
    /// What is said about a store. None is the same as managed with every default.
    pub fn store(&self, store: Store) -> Option<&StoreSpec> {
        match store {
            Store::Postgres => self.postgres.as_ref(),
            Store::Redis => self.redis.as_ref(),
            Store::Rabbitmq => self.rabbitmq.as_ref(),
        }
    }

    /// What is said about a service. None is the same as every default.
    pub fn service(&self, name: &str) -> Option<&ServiceSpec> {
        self.services.iter().find(|s| s.name == name)
    }

    pub fn enabled(&self, service: &str) -> bool {
        self.service(service).is_none_or(|s| s.enabled)
    }

    /// The version of the services, given the operator's own.
    pub fn version<'a>(&'a self, operator: &'a str) -> &'a str {
        self.version.as_deref().unwrap_or(operator)
    }
}

/// What concerns several parts of the spec.
fn rules_of_spec() -> serde_json::Value {
    let mut all = super::stores::rules::of_spec();
    all.as_array_mut().expect("a list of rules").extend(super::network::rules_of_spec());
    all
}

fn version(_: &mut SchemaGenerator) -> Schema {
    common::string(
        64,
        &[(
            r"self.matches('^[0-9]{1,9}\\.[0-9]{1,9}\\.[0-9]{1,9}(-[0-9A-Za-z.-]+)?$')",
            "not a version: write it as \"1.2.3\" or \"1.2.3-rc.1\", without a leading v",
        )],
    )
}

fn registry(_: &mut SchemaGenerator) -> Schema {
    common::string(
        256,
        &[(
            r"self.matches('^[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*$')",
            "not a registry: write host[:port][/path] without https:// and without a slash at the end, as in \"ghcr.io/acme\"",
        )],
    )
}

fn service_list(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": catalog::SERVICES.len(),
        "items": generator.subschema_for::<ServiceSpec>(),
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["name"],
    })
}
