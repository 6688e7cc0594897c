//! Stores that other operators look after: when they are ready, and what is said when they are not.

use operator::controller::clusters::cause;
use operator::controller::readiness::of;
use serde_json::{Value, json};

fn cluster(ready: i64, phase: &str, condition: &str) -> Value {
    json!({
        "kind": "Cluster",
        "spec": {"instances": 3},
        "status": {
            "readyInstances": ready, "phase": phase, "currentPrimary": "orion-postgres-1",
            "conditions": [{"type": "Ready", "status": condition}],
        },
    })
}

#[test]
fn a_cluster_of_cloud_native_pg_is_ready_when_all_its_instances_are_and_it_says_so() {
    let healthy = of(&cluster(3, "Cluster in healthy state", "True"), None);
    assert!(healthy.settled && healthy.serving && (healthy.ready, healthy.desired) == (3, 3));
    let failing = of(&cluster(2, "Failing over", "False"), None);
    assert!(!failing.settled && failing.serving && failing.ready == 2);
    let fewer = of(&cluster(2, "Cluster in healthy state", "True"), None);
    assert!(!fewer.settled);
    let fresh = json!({"kind": "Cluster", "spec": {"instances": 3}});
    assert!(!of(&fresh, None).serving);
    assert_eq!(cause(&fresh).as_deref(), Some("CloudNativePG has not taken it up yet"));
    let mut full = cluster(1, "Not enough disk space", "False");
    full["status"]["phaseReason"] = "Insufficient disk space detected in a Pod".into();
    assert_eq!(
        cause(&full).as_deref(),
        Some("Not enough disk space: Insufficient disk space detected in a Pod")
    );
    assert_eq!(cause(&cluster(3, "Cluster in healthy state", "True")), None);
}

fn rabbitmq(conditions: &[(&str, &str)], observed: i64) -> Value {
    let conditions: Vec<Value> = conditions
        .iter()
        .map(|(kind, status)| json!({"type": kind, "status": status, "reason": "R", "message": ""}))
        .collect();
    json!({
        "kind": "RabbitmqCluster",
        "metadata": {"generation": 2},
        "spec": {"replicas": 3},
        "status": {"observedGeneration": observed, "conditions": conditions},
    })
}

#[test]
fn a_rabbitmq_cluster_is_ready_when_its_operator_has_seen_the_newest_spec_and_all_are_there() {
    let all = [("ReconcileSuccess", "True"), ("ClusterAvailable", "True"), ("AllReplicasReady", "True")];
    assert!(of(&rabbitmq(&all, 2), None).settled);
    assert!(!of(&rabbitmq(&all, 1), None).settled);
    let two = [("ReconcileSuccess", "True"), ("ClusterAvailable", "True"), ("AllReplicasReady", "False")];
    let some = of(&rabbitmq(&two, 2), None);
    assert!(!some.settled && some.serving && (some.ready, some.desired) == (1, 3));
    assert_eq!(cause(&rabbitmq(&two, 2)).as_deref(), Some("AllReplicasReady is False: R"));
    assert!(!of(&rabbitmq(&[], 0), None).serving);
    assert_eq!(
        cause(&rabbitmq(&[], 0)).as_deref(),
        Some("RabbitMQ's cluster operator has not taken it up yet")
    );
}
