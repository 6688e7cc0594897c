//! What every pod has in common: it meets the restricted Pod Security level, gets no API token and no link variables.

use super::quantity::milli;
use super::scope::Scope;
use crate::api::{ResourceList, Resources};
use serde_json::{Value, json};

/// What a container gets when the spec says nothing. There is no default CPU limit: it would slow down starts.
#[derive(Clone, Copy)]
pub(super) struct Defaults {
    pub(super) cpu: &'static str,
    pub(super) memory: &'static str,
    pub(super) memory_limit: &'static str,
}

/// Numeric ids of a pod's processes and files.
#[derive(Clone, Copy)]
pub(super) struct Ids {
    pub(super) user: i64,
    pub(super) group: i64,
    pub(super) fs_group: i64,
}

impl Ids {
    pub(super) const fn same(id: i64) -> Self {
        Self { user: id, group: id, fs_group: id }
    }
}

/// The start of a pod's spec; containers and volumes are added to it.
pub(super) fn pod(scope: &Scope, ids: Ids, grace_seconds: u32) -> Value {
    let mut pod = json!({
        "serviceAccountName": scope.name(),
        "automountServiceAccountToken": false,
        // Kubernetes' link variables would be named ORION_…, which a service refuses as unknown settings.
        "enableServiceLinks": false,
        "terminationGracePeriodSeconds": grace_seconds,
        "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": ids.user,
            "runAsGroup": ids.group,
            "fsGroup": ids.fs_group,
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    });
    let secrets = &scope.spec().image.pull_secrets;
    if !secrets.is_empty() {
        pod["imagePullSecrets"] = secrets.iter().map(|s| json!({"name": s.name})).collect();
    }
    pod
}

/// The start of a container, with the security context that every container has.
pub(super) fn container(scope: &Scope, name: &str, image: &str, resources: Value) -> Value {
    json!({
        "name": name,
        "image": image,
        "imagePullPolicy": scope.pull_policy(),
        "resources": resources,
        "terminationMessagePath": "/dev/termination-log",
        // A program that dies without having left a word there is quoted from its log instead.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "securityContext": {
            "runAsNonRoot": true,
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    })
}

/// What is given, completed by defaults that never contradict it: a request is no more than a limit.
pub(super) fn resources(defaults: Defaults, given: Option<&Resources>) -> Value {
    let none = ResourceList::default();
    let requests = given.and_then(|r| r.requests.as_ref()).unwrap_or(&none);
    let limits = given.and_then(|r| r.limits.as_ref()).unwrap_or(&none);
    let memory_limit = match (&limits.memory, &requests.memory) {
        (Some(limit), _) => limit.as_str(),
        (None, Some(request)) if milli(request) > milli(defaults.memory_limit) => request.as_str(),
        (None, _) => defaults.memory_limit,
    };
    let memory = match &requests.memory {
        Some(request) => request.as_str(),
        None if milli(memory_limit) < milli(defaults.memory) => memory_limit,
        None => defaults.memory,
    };
    let cpu = match (&requests.cpu, &limits.cpu) {
        (Some(request), _) => request.as_str(),
        (None, Some(limit)) if milli(limit) < milli(defaults.cpu) => limit.as_str(),
        (None, _) => defaults.cpu,
    };
    let mut limited = json!({"memory": memory_limit});
    if let Some(cpu_limit) = &limits.cpu {
        limited["cpu"] = json!(cpu_limit);
    }
    json!({"requests": {"cpu": cpu, "memory": memory}, "limits": limited})
}

pub(super) fn secret_volume(name: &str, secret: &str) -> Value {
    json!({"name": name, "secret": {"secretName": secret, "defaultMode": 0o440}})
}

/// Only these keys of a Secret of somebody else's. A pod waits for a key that is missing; the operator says so before.
pub(super) fn secret_keys_volume<'a>(
    name: &str,
    secret: &str,
    keys: impl Iterator<Item = (&'a str, &'a str)>,
) -> Value {
    let mut volume = secret_volume(name, secret);
    volume["secret"]["items"] = keys.map(|(key, path)| json!({"key": key, "path": path})).collect();
    volume
}

/// A ServiceAccount of its own, with no rights and no token.
pub(super) fn service_account(scope: &Scope) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": scope.metadata(&scope.name()),
        "automountServiceAccountToken": false,
    })
}
