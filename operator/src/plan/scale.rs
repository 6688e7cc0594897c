//! How many pods a service has: as the spec says, or as a HorizontalPodAutoscaler does, and how many of them may be
//! taken away at once by whoever drains a node.

use super::scope::Scope;
use crate::api::{Autoscaling, ServiceSpec};
use serde_json::{Value, json};

/// How many pods the Deployment is to have; None where that is the autoscaler's to say.
pub(super) fn replicas(spec: &ServiceSpec) -> Option<i32> {
    match spec.autoscaling {
        Some(_) => None,
        None => Some(spec.replicas.unwrap_or(1)),
    }
}

/// What stands beside the Deployment.
pub(super) fn objects(scope: &Scope, spec: &ServiceSpec) -> Vec<Value> {
    let autoscaler = spec.autoscaling.as_ref().map(|autoscaling| autoscaler(scope, autoscaling));
    let fewest = match &spec.autoscaling {
        Some(autoscaling) => autoscaling.min_replicas,
        None => spec.replicas.unwrap_or(1),
    };
    // With one pod it could only be in the way of a drain.
    autoscaler.into_iter().chain((fewest > 1).then(|| budget(scope))).collect()
}

fn autoscaler(scope: &Scope, autoscaling: &Autoscaling) -> Value {
    let metric = |name: &str, percentage: i32| {
        let target = json!({"type": "Utilization", "averageUtilization": percentage});
        json!({"type": "Resource", "resource": {"name": name, "target": target}})
    };
    let cpu = metric("cpu", autoscaling.target_cpu_utilization_percentage);
    let memory = autoscaling.target_memory_utilization_percentage.map(|p| metric("memory", p));
    let metrics: Vec<Value> = [cpu].into_iter().chain(memory).collect();
    json!({
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": scope.metadata(&scope.name()),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": scope.name()},
            "minReplicas": autoscaling.min_replicas,
            "maxReplicas": autoscaling.max_replicas,
            "metrics": metrics,
        },
    })
}

/// One pod at a time.
pub(super) fn budget(scope: &Scope) -> Value {
    json!({
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": scope.metadata(&scope.name()),
        "spec": {
            "maxUnavailable": 1,
            "selector": {"matchLabels": scope.selector()},
            // A pod that does not work is no reason to keep a node.
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        },
    })
}
