//! The data stores in the resource: each one run by the operator, or somebody else's and pointed to.

mod mode;
pub(super) mod rules;

pub use mode::{Mode, default_image, default_storage};

use super::common::{self, AuthorityRef, Resources, SecretRef};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};

/// A data store: exactly one way to have it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = common::rules(&[(
    "[has(self.managed), has(self.external), has(self.cloudNativePg), has(self.clusterOperator), has(self.sentinel)].filter(x, x).size() == 1",
    "write exactly one of managed or external (or cloudNativePg for postgres, sentinel for redis, clusterOperator for rabbitmq); \"managed: {}\" lets the operator run the store with its defaults"
)])))]
pub struct StoreSpec {
    /// The operator runs the store: one instance with a volume. This is what a platform gets that says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed: Option<Managed>,
    /// The store runs elsewhere; the operator never deletes anything in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<External>,
    /// PostgreSQL in several instances that take each other's place, run by CloudNativePG, which must be installed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud_native_pg: Option<Replicated>,
    /// RabbitMQ in several instances, run by RabbitMQ's cluster operator, which must be installed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_operator: Option<Replicated>,
    /// Redis in several instances that the operator runs, each with a Sentinel beside it: when the master is lost, the
    /// Sentinels put another in its place within seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sentinel: Option<Replicated>,
}

/// A store in several instances that take each other's place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Replicated {
    /// How many instances there are; of Redis 3 or 5, of RabbitMQ an odd number, and of both never fewer than there
    /// were. Default: 3.
    #[schemars(range(min = 1, max = 9))]
    pub instances: i32,
    /// Image of the store. That of PostgreSQL must have pgvector. Defaults:
    /// ghcr.io/cloudnative-pg/postgresql:17-standard-trixie; docker.io/library/redis:8; for RabbitMQ the one that its operator takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "common::image")]
    pub image: Option<String>,
    /// Size of each instance's volume, in bytes with a unit. It can grow if the storage class allows it, never
    /// shrink. Defaults: postgres "10Gi", redis "1Gi", rabbitmq "2Gi".
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "common::bytes")]
    pub storage: Option<String>,
    /// StorageClass of the volumes. Default: the cluster's own default class.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "common::object_name")]
    pub storage_class: Option<String>,
    /// CPU and memory of each instance. Default: for Redis as for a managed one, otherwise what the store's operator
    /// gives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
}

impl Default for Replicated {
    fn default() -> Self {
        Self { instances: 3, image: None, storage: None, storage_class: None, resources: None }
    }
}

/// A store that the operator runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Managed {
    /// Image of the store. Any image with the store's usual programs will do: it is started by the operator's own
    /// script. Defaults: docker.io/pgvector/pgvector:pg17, docker.io/library/redis:8,
    /// docker.io/library/rabbitmq:4-management.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "common::image")]
    pub image: Option<String>,
    /// Size of the volume, in bytes with a unit. It can grow if the storage class allows it, never shrink.
    /// Defaults: postgres "10Gi", redis "1Gi", rabbitmq "2Gi".
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "common::bytes")]
    pub storage: Option<String>,
    /// StorageClass of the volume. Default: the cluster's own default class. Fixed once the platform is created.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "common::object_name")]
    pub storage_class: Option<String>,
    /// CPU and memory of the store. Default requests: 100m CPU and 128Mi (postgres), 64Mi (redis) or 256Mi
    /// (rabbitmq) of memory; default memory limits: 512Mi, 256Mi and 768Mi; no CPU limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<Resources>,
    /// Numeric ids the store runs under, for clusters that hand them out. Default: 999 for all three, as in the
    /// official images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub security_context: Option<StoreSecurityContext>,
}

/// Numeric ids of a store's processes and files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct StoreSecurityContext {
    /// User id of the process; never 0. Default: 999.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 2147483647))]
    pub run_as_user: Option<i64>,
    /// Group id of the process; never 0. Default: 999.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 2147483647))]
    pub run_as_group: Option<i64>,
    /// Group that owns the volume's files. Default: 999.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 2147483647))]
    pub fs_group: Option<i64>,
}

/// A store that runs elsewhere.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(extend("x-kubernetes-validations" = common::rules(&[(
    "has(self.host) != (has(self.provisioning) && self.provisioning == 'None')",
    "provisioning Admin needs host; provisioning None has no host, because the URLs in the Secret name it"
), (
    "has(self.host) || (!has(self.port) && !has(self.managementPort))",
    "port and managementPort go with host: write host, or leave them out"
), (
    "!has(self.caSecretRef) || !has(self.tls) || self.tls",
    "caSecretRef is for an encrypted connection: write tls: true, or leave caSecretRef out"
)])))]
pub struct External {
    /// Host name or address of the store. Needed with provisioning Admin; left out with None.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "host")]
    pub host: Option<String>,
    /// Port of the store. Default: 5432 (postgres), 6379 (redis), 5672 or with tls 5671 (rabbitmq).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub port: Option<i32>,
    /// Port of RabbitMQ's management API, through which accounts are made; of no other store. Default: 15672, with
    /// tls 15671.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65535))]
    pub management_port: Option<i32>,
    /// The Secret with the way in. With provisioning Admin it has the keys username and password of somebody who may
    /// make accounts. With provisioning None it has a key <service>-url for each service that uses the store, as in
    /// auth-url: the whole URL with that service's user and password.
    pub secret_ref: SecretRef,
    /// Whether connections are encrypted and the server's certificate is checked: its host name too, and against the
    /// public authorities or the one in caSecretRef. With provisioning None the URLs say themselves whether they are
    /// encrypted. Default: true.
    #[serde(default = "yes")]
    pub tls: bool,
    /// The authority that has signed the store's certificate, where it is not a public one. When the Secret changes,
    /// what uses the store is started anew with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<AuthorityRef>,
    /// Admin: the operator makes a database, a user and permissions for each service. What is there under such a name
    /// and isn't this platform's is left alone; the status then says how to hand it over. None: they exist already,
    /// and the Secret holds them. Default: Admin.
    #[serde(default)]
    pub provisioning: Provisioning,
}

/// Who makes the accounts in an external store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Provisioning {
    #[default]
    Admin,
    None,
}

fn host(_: &mut SchemaGenerator) -> Schema {
    common::string(
        253,
        &[(
            "self.matches('^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$')",
            "not a host: write a name or an IPv4 address without scheme and port, as in \"db.example.com\"",
        )],
    )
}

fn yes() -> bool {
    true
}
