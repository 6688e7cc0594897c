//! What the operators of CloudNativePG and RabbitMQ say about the stores that they look after. Pure.

use super::readiness::{Readiness, condition};
use serde_json::Value;

/// What CloudNativePG calls a cluster with nothing left to do.
const HEALTHY: &str = "Cluster in healthy state";

pub fn cloud_native_pg(cluster: &Value) -> Readiness {
    let (desired, ready) =
        (number(&cluster["spec"]["instances"]), number(&cluster["status"]["readyInstances"]));
    let healthy = condition(cluster, "Ready").is_some() && cluster["status"]["phase"] == HEALTHY;
    Readiness {
        ready: ready.min(desired),
        desired,
        settled: healthy && ready >= desired,
        serving: ready > 0 && !cluster["status"]["currentPrimary"].is_null(),
        failed: false,
    }
}

/// It tells that all are there, or that some are, and never how many.
pub fn rabbitmq(cluster: &Value) -> Readiness {
    let desired = number(&cluster["spec"]["replicas"]);
    let (all, some) =
        (condition(cluster, "AllReplicasReady").is_some(), condition(cluster, "ClusterAvailable"));
    let generation = cluster["metadata"]["generation"].as_i64();
    let observed = generation.is_some() && cluster["status"]["observedGeneration"].as_i64() >= generation;
    let reconciled = condition(cluster, "ReconcileSuccess").is_some();
    Readiness {
        ready: if all { desired } else { i32::from(some.is_some()) },
        desired,
        settled: all && some.is_some() && observed && reconciled,
        serving: some.is_some(),
        failed: false,
    }
}

fn number(value: &Value) -> i32 {
    value.as_i64().and_then(|n| i32::try_from(n).ok()).unwrap_or(0)
}

/// Why a store is not ready, in its operator's words.
pub fn cause(cluster: &Value) -> Option<String> {
    let status = &cluster["status"];
    match cluster["kind"].as_str() {
        Some("Cluster") => {
            let phase = status["phase"].as_str().filter(|phase| *phase != HEALTHY);
            let Some(phase) = phase else {
                return status["phase"].is_null().then(|| "CloudNativePG has not taken it up yet".to_owned());
            };
            let why = status["phaseReason"].as_str().filter(|why| !why.is_empty());
            Some(why.map_or_else(|| phase.to_owned(), |why| format!("{phase}: {why}")))
        }
        Some("RabbitmqCluster") => {
            let all = status["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
            if all.is_empty() {
                return Some("RabbitMQ's cluster operator has not taken it up yet".to_owned());
            }
            // In the order in which one follows from the other.
            let wrong = ["ReconcileSuccess", "ClusterAvailable", "AllReplicasReady"]
                .into_iter()
                .find_map(|kind| all.iter().find(|c| c["type"] == kind && c["status"] == "False"))?;
            let text = |field: &str| wrong[field].as_str().filter(|text| !text.is_empty());
            let named = format!("{} is False", wrong["type"].as_str().unwrap_or_default());
            let said = text("message").or(text("reason"));
            Some(said.map_or_else(|| named.clone(), |said| format!("{named}: {said}")))
        }
        _ => None,
    }
}
