//! Redis in several instances that take each other's place (docs/adr/0006-redis-by-sentinel.md). Each is a pod with a
//! Redis and a Sentinel; which of them has the lead is for the Sentinels to say, and never for the operator.
//!
//! One StatefulSet, so that Kubernetes replaces one pod after the other and only when the last is ready.

use super::super::endpoints;
use super::super::hash::hash8;
use super::super::place::{SENTINEL_PORT, nodes, nodes_service};
use super::super::scale::budget;
use super::super::scope::{CONFIG_HASH, Scope};
use super::super::{network, placement, pod};
use super::{ADMIN, CONFIG, GRACE_SECONDS, OFFICIAL_ID, STARTUP_TRIES, memory_limit, probe, redis, volume};
use crate::api::{Replicated, default_image};
use catalog::StoreEntry;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A Sentinel keeps a few lines about each of the others.
const SENTINEL: pod::Defaults = pod::Defaults { cpu: "20m", memory: "16Mi", memory_limit: "64Mi" };

pub(super) fn objects(scope: &Scope, entry: &StoreEntry, given: &Replicated) -> Vec<Value> {
    let resources = pod::resources(redis::DEFAULTS, given.resources.as_ref());
    let files = files(memory_limit(&resources));
    let config = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": scope.metadata(&scope.name_of("config")),
        "data": files,
    });
    let mut objects = vec![pod::service_account(scope), config];
    objects.extend((0..given.instances).map(|n| {
        let name = claim(scope, n);
        volume(scope, entry, &name, given.storage.as_deref(), given.storage_class.as_deref())
    }));
    objects.push(names(scope, entry));
    objects.push(budget(scope));
    objects.extend(network::of(scope));
    objects.push(stateful_set(scope, entry, given, &files, resources));
    objects
}

/// As the StatefulSet looks for it: what is there under that name it takes, and never makes another.
fn claim(scope: &Scope, instance: i32) -> String {
    format!("data-{}-{instance}", scope.name())
}

fn files(memory_limit: u64) -> BTreeMap<&'static str, String> {
    let configuration = redis::with_memory(include_str!("sentinel/redis.conf"), memory_limit);
    let scripts = [
        ("common.sh", include_str!("sentinel/common.sh")),
        ("start.sh", include_str!("sentinel/start.sh")),
        ("sentinel.sh", include_str!("sentinel/sentinel.sh")),
        ("stop.sh", include_str!("sentinel/stop.sh")),
        ("ready.sh", include_str!("sentinel/ready.sh")),
        ("aware.sh", include_str!("sentinel/aware.sh")),
        ("sentinel.conf", include_str!("sentinel/sentinel.conf")),
    ];
    let scripts = scripts.into_iter().map(|(name, text)| (name, text.to_owned()));
    scripts.chain([("redis.conf", configuration)]).collect()
}

/// A name for each pod, also of those that aren't ready: they find each other by it before anybody may use them.
fn names(scope: &Scope, entry: &StoreEntry) -> Value {
    let ports = [(entry.name, entry.port), ("sentinel", SENTINEL_PORT)];
    let mut service = endpoints::cluster_ip(scope, ports.into_iter());
    service["metadata"] = scope.metadata(&nodes_service(&scope.name()));
    service["spec"]["clusterIP"] = "None".into();
    service["spec"]["publishNotReadyAddresses"] = true.into();
    service
}

fn stateful_set(
    scope: &Scope,
    entry: &StoreEntry,
    given: &Replicated,
    files: &BTreeMap<&'static str, String>,
    resources: Value,
) -> Value {
    let mut pod = pod::pod(scope, pod::Ids::same(OFFICIAL_ID), GRACE_SECONDS);
    pod["containers"] = json!([redis_container(scope, entry, given, resources), sentinel(scope, given)]);
    pod["volumes"] = json!([
        {"name": "config", "configMap": {"name": scope.name_of("config")}},
        pod::secret_volume("admin", &scope.name_of("admin")),
        {"name": "tmp", "emptyDir": {}},
    ]);
    // On nodes and in zones of their own, where there are enough: one that is lost takes one instance along.
    pod["topologySpreadConstraints"] = placement::evenly(scope);
    pod["dnsConfig"] = names_in_time();
    let annotations = json!({CONFIG_HASH: hash8(&(files, &pod))});
    json!({
        "apiVersion": "apps/v1",
        "kind": "StatefulSet",
        "metadata": scope.metadata(&scope.name()),
        "spec": {
            "replicas": given.instances,
            // They need a majority of each other to start.
            "podManagementPolicy": "Parallel",
            "revisionHistoryLimit": 3,
            "serviceName": nodes_service(&scope.name()),
            "selector": {"matchLabels": scope.selector()},
            "template": {"metadata": {"labels": scope.labels(), "annotations": annotations}, "spec": pod},
            "volumeClaimTemplates": [template()],
        },
    })
}

/// A Sentinel does nothing else while it looks a name up. After 2 s of that it mistrusts its clock, and acts no more for
/// 30 s; by default one question may take 10 s, where a DNS server was lost together with the master.
fn names_in_time() -> Value {
    json!({"options": [{"name": "timeout", "value": "1"}, {"name": "attempts", "value": "2"}]})
}

/// Only its name matters. The claims are the operator's own objects, which can grow, as no template can; they are there
/// before the StatefulSet looks for them. It can never be changed, and so has nothing in it that could.
fn template() -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "data"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
            "volumeMode": "Filesystem",
        },
    })
}

fn redis_container(scope: &Scope, entry: &StoreEntry, given: &Replicated, resources: Value) -> Value {
    let mut container = container(scope, scope.unit, given, "start.sh", resources);
    container["ports"] = json!([{"name": entry.name, "containerPort": entry.port, "protocol": "TCP"}]);
    let ready = json!({"exec": {"command": script("ready.sh")}});
    container["startupProbe"] = probe(&ready, 1, STARTUP_TRIES);
    container["readinessProbe"] = probe(&ready, 5, 3);
    container["lifecycle"] = json!({"preStop": {"exec": {"command": script("stop.sh")}}});
    container
}

fn sentinel(scope: &Scope, given: &Replicated) -> Value {
    let resources = pod::resources(SENTINEL, None);
    let mut container = container(scope, "sentinel", given, "sentinel.sh", resources);
    container["ports"] = json!([{"name": "sentinel", "containerPort": SENTINEL_PORT, "protocol": "TCP"}]);
    let (aware, listens) =
        (json!({"exec": {"command": script("aware.sh")}}), json!({"tcpSocket": {"port": "sentinel"}}));
    container["startupProbe"] = probe(&aware, 1, STARTUP_TRIES);
    container["readinessProbe"] = probe(&listens, 5, 3);
    container
}

fn container(scope: &Scope, name: &str, given: &Replicated, start: &str, resources: Value) -> Value {
    let image = given.image.as_deref().unwrap_or(default_image(catalog::Store::Redis));
    let mut container = pod::container(scope, name, image, resources);
    container["command"] = script(start);
    let pod = json!({"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}});
    container["env"] = json!([
        {"name": "POD", "valueFrom": pod},
        {"name": "SELF", "value": format!("$(POD).{}", nodes_service(&scope.name()))},
        {"name": "NODES", "value": nodes(&scope.name(), given.instances).join(" ")},
        {"name": "MAJORITY", "value": (given.instances / 2 + 1).to_string()},
    ]);
    container["volumeMounts"] = json!([
        {"name": "data", "mountPath": "/data"},
        {"name": "config", "mountPath": CONFIG, "readOnly": true},
        {"name": "admin", "mountPath": ADMIN, "readOnly": true},
        {"name": "tmp", "mountPath": "/tmp"},
    ]);
    container
}

fn script(name: &str) -> Value {
    json!(["/bin/sh", format!("{CONFIG}/{name}")])
}
