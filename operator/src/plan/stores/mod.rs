//! A data store that the operator runs: one instance as a StatefulSet, with its volume, configuration and Service.
//!
//! The image only brings the programs. A store is started by a script of ours from a ConfigMap, so that the official
//! images and any other with the same programs behave alike, whatever their entry points do.

mod clusters;
mod postgres;
mod rabbitmq;
mod redis;
mod sentinel;

use super::hash::hash8;
use super::pod::{self, Defaults, Ids};
use super::scope::{CONFIG_HASH, Scope};
use super::{Inputs, Unit, UnitKind, endpoints, network, secrets};
use crate::api::{Managed, Mode, default_image, default_storage};
use catalog::{Store, StoreEntry, Tier};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Where the ConfigMap is: the start script and the store's own configuration.
const CONFIG: &str = "/etc/orion/store";
/// Where the administrator's account is.
const ADMIN: &str = "/run/orion/admin";
/// Long enough to write everything out; a store that is killed has to recover at its next start.
const GRACE_SECONDS: u32 = 60;
/// Recovery after a crash can take long, and a store that is killed in it begins again: an hour, at 1 s.
const STARTUP_TRIES: u32 = 3600;

/// What one kind of store has of its own.
struct Kind {
    /// Where the volume is mounted.
    data: &'static str,
    env: Vec<(&'static str, String)>,
    /// Folders beside the volume that it must be able to write.
    scratch: &'static [(&'static str, &'static str)],
    /// The files of its ConfigMap, `start.sh` among them.
    files: BTreeMap<&'static str, String>,
    /// A probe's action: true once clients are served.
    ready: Value,
}

pub(super) fn unit(inputs: &Inputs, entry: &'static StoreEntry) -> Unit {
    let scope = Scope::new(inputs, entry.name, Tier::Data);
    let spec = scope.spec().store(entry.store);
    let mut unit = Unit {
        name: entry.name.to_owned(),
        kind: UnitKind::Store,
        tier: Tier::Data,
        needs: Vec::new(),
        enabled: true,
        objects: Vec::new(),
        secrets: Vec::new(),
    };
    match (spec.map_or(Mode::Managed, |s| s.mode()), spec.and_then(|s| s.replicated())) {
        (Mode::External, _) => return unit,
        (Mode::CloudNativePg, Some(given)) => {
            unit.objects = vec![clusters::cloud_native_pg(&scope, entry, given)];
            return unit;
        }
        (Mode::ClusterOperator, Some(given)) => {
            unit.objects = vec![clusters::rabbitmq_cluster(&scope, entry, given)];
            return unit;
        }
        (Mode::Sentinel, Some(given)) => {
            unit.objects = sentinel::objects(&scope, entry, given);
            unit.secrets = vec![secrets::of_store(&scope, entry.store)];
            return unit;
        }
        _ => {}
    }
    let default = Managed::default();
    let managed = spec.and_then(|s| s.managed.as_ref()).unwrap_or(&default);
    unit.objects = objects(&scope, entry, managed);
    unit.secrets = vec![secrets::of_store(&scope, entry.store)];
    unit
}

/// The image of a store that the operator runs.
pub(super) fn image(scope: &Scope, store: Store) -> String {
    let spec = scope.spec().store(store);
    let managed = spec.and_then(|s| s.managed.as_ref()).and_then(|m| m.image.as_deref());
    let sentinel = spec.and_then(|s| s.sentinel.as_ref()).and_then(|s| s.image.as_deref());
    managed.or(sentinel).unwrap_or(default_image(store)).to_owned()
}

/// How much memory the store may take at most, in bytes: what its own limits are derived from.
fn memory_limit(resources: &Value) -> u64 {
    let limit = resources["limits"]["memory"].as_str().and_then(super::quantity::bytes);
    limit.unwrap_or(256 << 20)
}

fn objects(scope: &Scope, entry: &StoreEntry, managed: &Managed) -> Vec<Value> {
    let (defaults, kind): (Defaults, fn(u64, Ids) -> Kind) = match entry.store {
        Store::Postgres => (postgres::DEFAULTS, postgres::kind),
        Store::Redis => (redis::DEFAULTS, redis::kind),
        Store::Rabbitmq => (rabbitmq::DEFAULTS, rabbitmq::kind),
    };
    let resources = pod::resources(defaults, managed.resources.as_ref());
    let kind = kind(memory_limit(&resources), ids(managed));
    let ports = [(entry.name, entry.port)].into_iter().chain(entry.extra_ports.iter().copied());
    let mut objects = vec![
        pod::service_account(scope),
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": scope.metadata(&scope.name_of("config")),
            "data": kind.files,
        }),
        volume(
            scope,
            entry,
            &scope.name_of("data"),
            managed.storage.as_deref(),
            managed.storage_class.as_deref(),
        ),
        endpoints::cluster_ip(scope, ports.clone()),
    ];
    objects.extend(network::of(scope));
    objects.push(stateful_set(scope, entry, &kind, managed, resources, ports));
    objects
}

/// The volume is an object of its own, not a template of the StatefulSet: those can't be resized.
fn volume(
    scope: &Scope,
    entry: &StoreEntry,
    name: &str,
    storage: Option<&str>,
    class: Option<&str>,
) -> Value {
    let mut metadata = scope.metadata(name);
    metadata["labels"] = json!(scope.data_labels(entry.store));
    let storage = storage.unwrap_or(default_storage(entry.store));
    let mut spec = json!({
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": storage}},
    });
    if let Some(class) = class {
        spec["storageClassName"] = class.into();
    }
    json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec})
}

fn stateful_set<'a>(
    scope: &Scope,
    entry: &StoreEntry,
    kind: &Kind,
    managed: &Managed,
    resources: Value,
    ports: impl Iterator<Item = (&'a str, u16)>,
) -> Value {
    let image = managed.image.as_deref().unwrap_or(default_image(entry.store));
    let mut container = pod::container(scope, scope.unit, image, resources);
    container["command"] = json!(["/bin/sh", format!("{CONFIG}/start.sh")]);
    if !kind.env.is_empty() {
        container["env"] =
            kind.env.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    }
    container["ports"] =
        ports.map(|(name, port)| json!({"name": name, "containerPort": port, "protocol": "TCP"})).collect();
    container["startupProbe"] = probe(&kind.ready, 1, STARTUP_TRIES);
    container["readinessProbe"] = probe(&kind.ready, 5, 3);
    // No liveness probe: a store that is slow must not be killed for it, and one that has died ends its container.
    let mut pod = pod::pod(scope, ids(managed), GRACE_SECONDS);
    let (volumes, mounts) = mounts(scope, kind);
    container["volumeMounts"] = mounts.into();
    pod["containers"] = json!([container]);
    pod["volumes"] = volumes.into();
    let annotations = json!({CONFIG_HASH: hash8(&(&kind.files, &pod))});
    json!({
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": scope.metadata(&scope.name()),
        "spec": {
            "replicas": 1,
            // With OrderedReady a pod that never gets ready is not replaced when its template is put right.
            "podManagementPolicy": "Parallel",
            "revisionHistoryLimit": 3,
            "serviceName": scope.name(),
            "selector": {"matchLabels": scope.selector()},
            "template": {"metadata": {"labels": scope.labels(), "annotations": annotations}, "spec": pod},
        },
    })
}

fn mounts(scope: &Scope, kind: &Kind) -> (Vec<Value>, Vec<Value>) {
    let mut volumes = vec![
        json!({"name": "data", "persistentVolumeClaim": {"claimName": scope.name_of("data")}}),
        json!({"name": "config", "configMap": {"name": scope.name_of("config")}}),
        pod::secret_volume("admin", &scope.name_of("admin")),
    ];
    let mut mounts = vec![
        json!({"name": "data", "mountPath": kind.data}),
        json!({"name": "config", "mountPath": CONFIG, "readOnly": true}),
        json!({"name": "admin", "mountPath": ADMIN, "readOnly": true}),
    ];
    for (name, path) in kind.scratch {
        volumes.push(json!({"name": name, "emptyDir": {}}));
        mounts.push(json!({"name": name, "mountPath": path}));
    }
    if kind.files.contains_key("passwd") {
        let path = "/etc/passwd";
        mounts.push(json!({"name": "config", "mountPath": path, "subPath": "passwd", "readOnly": true}));
    }
    (volumes, mounts)
}

fn ids(managed: &Managed) -> Ids {
    let given = managed.security_context.unwrap_or_default();
    let id = |given: Option<i64>| given.unwrap_or(OFFICIAL_ID);
    Ids { user: id(given.run_as_user), group: id(given.run_as_group), fs_group: id(given.fs_group) }
}

/// User and group of the store in the official images.
const OFFICIAL_ID: i64 = 999;

fn probe(action: &Value, period: u32, failures: u32) -> Value {
    let mut probe = action.clone();
    probe["periodSeconds"] = period.into();
    probe["timeoutSeconds"] = 5.into();
    probe["failureThreshold"] = failures.into();
    probe
}

/// A probe that runs a shell command in the container.
fn shell(command: &str) -> Value {
    json!({"exec": {"command": ["/bin/sh", "-c", command]}})
}
