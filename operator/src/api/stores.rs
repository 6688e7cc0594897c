//! The data stores in the resource: each one run by the operator, or somebody else's and pointed to.

use super::common::{self, Resources, SecretRef, rules};
use catalog::{Store, StoreEntry};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A data store: exactly one of managed or external.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "has(self.managed) != has(self.external)",
    "write exactly one of managed or external; \"managed: {}\" lets the operator run the store with its defaults"
)])))]
pub struct StoreSpec {
    /// The operator runs the store: one instance with a volume. This is what a platform gets that says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub managed: Option<Managed>,
    /// The store runs elsewhere; the operator never deletes anything in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<External>,
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
#[schemars(extend("x-kubernetes-validations" = rules(&[(
    "has(self.host) != (has(self.provisioning) && self.provisioning == 'None')",
    "provisioning Admin needs host; provisioning None has no host, because the URLs in the Secret name it"
), (
    "has(self.host) || (!has(self.port) && !has(self.managementPort))",
    "port and managementPort go with host: write host, or leave them out"
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
    /// Whether connections are encrypted and the server's certificate is checked, against the public authorities.
    /// Not used with provisioning None: the URLs say it themselves. Default: true.
    #[serde(default = "yes")]
    pub tls: bool,
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

/// The volume of a managed store that says nothing about it.
pub fn default_storage(store: Store) -> &'static str {
    match store {
        Store::Postgres => "10Gi",
        Store::Redis => "1Gi",
        Store::Rabbitmq => "2Gi",
    }
}

/// What concerns a store as it was before, or one kind of store only: rules of the spec as a whole, because a store
/// that is left out has no rules of its own.
pub(super) fn rules_of_spec() -> Value {
    let all: Vec<(String, String)> = catalog::STORES.iter().flat_map(rules_of_store).collect();
    let all: Vec<(&str, &str)> =
        all.iter().map(|(rule, message)| (rule.as_str(), message.as_str())).collect();
    rules(&all)
}

/// Written with `has()` only: of a value that may be left out by `orValue()` the API server doesn't know the length,
/// and takes the worst.
fn rules_of_store(entry: &StoreEntry) -> Vec<(String, String)> {
    let (store, storage) = (entry.name, default_storage(entry.store));
    let has = |root: &str, kind: &str, field: &str| {
        format!("(has({root}.{store}) && has({root}.{store}.{kind}) && has({root}.{store}.{kind}.{field}))")
    };
    let external = |root: &str| format!("(has({root}.{store}) && has({root}.{store}.external))");
    let size = |root: &str| {
        let given = has(root, "managed", "storage");
        format!("({given} ? quantity({root}.{store}.managed.storage) : quantity('{storage}'))")
    };
    let (class, old_class) =
        (has("self", "managed", "storageClass"), has("oldSelf", "managed", "storageClass"));
    let given = has("self", "managed", "storage");
    let mut all = vec![
        (
            format!("{} == {}", external("self"), external("oldSelf")),
            format!(
                "{store} can't be moved between managed and external, its data would stay behind: create another \
                 platform and move the data there"
            ),
        ),
        (
            format!(
                "{class} == {old_class} && (!{class} || self.{store}.managed.storageClass == \
                 oldSelf.{store}.managed.storageClass)"
            ),
            format!(
                "{store}.managed.storageClass can't be changed, a volume keeps its class: write what it was"
            ),
        ),
        (
            format!(
                "({given} && !isQuantity(self.{store}.managed.storage)) || {}.compareTo({}) >= 0",
                size("self"),
                size("oldSelf")
            ),
            format!(
                "{store}.managed.storage can't be made smaller, a volume only grows: write at least what it was \
                 (without a value it is {storage})"
            ),
        ),
    ];
    if entry.extra_ports.is_empty() {
        all.push((
            format!("!{}", has("self", "external", "managementPort")),
            format!("{store}.external.managementPort: only rabbitmq has a management API, leave it out"),
        ));
    }
    all
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

impl StoreSpec {
    pub fn is_external(&self) -> bool {
        self.external.is_some()
    }
}
