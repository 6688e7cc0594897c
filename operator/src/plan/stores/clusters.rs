//! Stores in several instances, for who has outgrown one machine: what to write for the operators that look after them.
//! Only fields of their published APIs, and only those that the platform has an opinion on: the rest is theirs.
//!
//! The services reach them, and the provision Job makes its accounts, with the Secrets that those operators make.

use super::super::scope::Scope;
use crate::api::{Replicated, default_storage};
use catalog::StoreEntry;
use serde_json::{Value, json};

/// With pgvector, and of the same major version as a managed PostgreSQL.
const POSTGRES: &str = "ghcr.io/cloudnative-pg/postgresql:17-standard-trixie";

/// CloudNativePG's Cluster. Its labels must not be inherited: what it makes would be taken for the operator's own.
pub(super) fn cloud_native_pg(scope: &Scope, entry: &StoreEntry, given: &Replicated) -> Value {
    let mut spec = json!({
        "instances": given.instances,
        "imageName": given.image.as_deref().unwrap_or(POSTGRES),
        // Accounts are made with it.
        "enableSuperuserAccess": true,
        "storage": storage(entry, given, "size", "storageClass"),
    });
    common(scope, given, &mut spec);
    object(scope, entry, "postgresql.cnpg.io/v1", "Cluster", spec)
}

/// The RabbitmqCluster of RabbitMQ's cluster operator.
pub(super) fn rabbitmq_cluster(scope: &Scope, entry: &StoreEntry, given: &Replicated) -> Value {
    let mut spec = json!({
        "replicas": given.instances,
        "persistence": storage(entry, given, "storage", "storageClassName"),
    });
    if let Some(image) = &given.image {
        spec["image"] = image.as_str().into();
    }
    common(scope, given, &mut spec);
    object(scope, entry, "rabbitmq.com/v1beta1", "RabbitmqCluster", spec)
}

fn storage(entry: &StoreEntry, given: &Replicated, size: &str, class: &str) -> Value {
    let mut storage = json!({size: given.storage.as_deref().unwrap_or(default_storage(entry.store))});
    if let Some(name) = &given.storage_class {
        storage[class] = name.as_str().into();
    }
    storage
}

fn common(scope: &Scope, given: &Replicated, spec: &mut Value) {
    if let Some(resources) = &given.resources {
        spec["resources"] = json!(resources);
    }
    let secrets = &scope.spec().image.pull_secrets;
    if !secrets.is_empty() {
        spec["imagePullSecrets"] = secrets.iter().map(|secret| json!({"name": secret.name})).collect();
    }
}

/// It is the data as well as what serves it, and so is labelled like a volume.
fn object(scope: &Scope, entry: &StoreEntry, api_version: &str, kind: &str, spec: Value) -> Value {
    let mut metadata = scope.metadata(&scope.name());
    metadata["labels"] = json!(scope.data_labels(entry.store));
    json!({"apiVersion": api_version, "kind": kind, "metadata": metadata, "spec": spec})
}
