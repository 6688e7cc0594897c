//! How replicas change hands without being reset.

use operator::controller::claim::{HELPER, HandOver, hand_over, held_by_helper, object};
use operator::controller::diff::{MANAGER, first};
use operator::controller::readiness;
use serde_json::{Value, json};

fn planned(replicas: Option<i64>) -> Value {
    let mut planned = json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "orion-auth", "namespace": "shop"},
        "spec": {"revisionHistoryLimit": 3},
    });
    if let Some(replicas) = replicas {
        planned["spec"]["replicas"] = replicas.into();
    }
    planned
}

/// A live Deployment with so many replicas, which these managers own by server-side apply.
fn live(replicas: i64, owners: &[&str]) -> Value {
    let mut live = planned(Some(replicas));
    let own = |manager: &&str| json!({"manager": manager, "operation": "Apply", "fieldsV1": {"f:spec": {"f:replicas": {}}}});
    live["metadata"]["managedFields"] = owners.iter().map(own).collect();
    live
}

#[test]
fn replicas_are_handed_over_at_the_number_there_is_before_they_are_left_out() {
    let given = hand_over(&planned(None), &live(3, &[MANAGER]));
    assert_eq!(given, Some(HandOver { replicas: 3, force: false }));
    // The operator ended in between: the same again.
    let given = hand_over(&planned(None), &live(3, &[MANAGER, HELPER]));
    assert_eq!(given, Some(HandOver { replicas: 3, force: false }));
}

#[test]
fn what_is_stopped_is_started_when_it_is_handed_over() {
    let given = hand_over(&planned(None), &live(0, &[MANAGER]));
    assert_eq!(given, Some(HandOver { replicas: 1, force: true }));
}

#[test]
fn what_the_operator_does_not_own_or_goes_on_owning_is_not_handed_over() {
    assert_eq!(hand_over(&planned(None), &live(3, &[])), None);
    assert_eq!(hand_over(&planned(None), &live(3, &[HELPER])), None);
    assert_eq!(hand_over(&planned(None), &live(3, &["somebody"])), None);
    assert_eq!(hand_over(&planned(Some(2)), &live(3, &[MANAGER])), None);
    let mut scaled = live(3, &[MANAGER]);
    scaled["metadata"]["managedFields"][0]["subresource"] = "scale".into();
    assert_eq!(hand_over(&planned(None), &scaled), None);
    let mut other = live(3, &[MANAGER]);
    other["kind"] = "StatefulSet".into();
    assert_eq!(hand_over(&json!({"kind": "StatefulSet", "spec": {}}), &other), None);
}

#[test]
fn the_helper_gives_up_its_claim_when_the_plan_has_replicas_again() {
    assert!(held_by_helper(&planned(Some(3)), &live(3, &[HELPER])));
    assert!(!held_by_helper(&planned(None), &live(3, &[HELPER])));
    assert!(!held_by_helper(&planned(Some(3)), &live(3, &[MANAGER])));
}

#[test]
fn the_helper_claims_replicas_and_nothing_else() {
    let claimed = object(&planned(None), Some(3));
    assert_eq!(claimed["spec"], json!({"replicas": 3}));
    assert_eq!(claimed["metadata"], json!({"name": "orion-auth", "namespace": "shop"}));
    assert!(object(&planned(Some(3)), None).get("spec").is_none());
}

#[test]
fn what_an_autoscaler_sets_is_no_difference() {
    for replicas in [0, 1, 7] {
        assert_eq!(first(&planned(None), &live(replicas, &["kube-controller-manager"])), None);
        assert_eq!(first(&planned(None), &live(replicas, &[HELPER])), None);
    }
    assert!(first(&planned(None), &live(3, &[MANAGER])).is_some(), "what is left over is given up");
    assert!(first(&planned(Some(1)), &live(3, &["kube-controller-manager"])).is_some());
}

#[test]
fn a_service_whose_autoscaler_wants_more_pods_is_settled_with_the_fewest() {
    let workload = |replicas: i64, available: i64| {
        json!({
            "kind": "Deployment", "metadata": {"generation": 1}, "spec": {"replicas": replicas},
            "status": {"observedGeneration": 1, "replicas": replicas, "updatedReplicas": replicas,
                "readyReplicas": available, "availableReplicas": available},
        })
    };
    let scaled = readiness::of(&workload(5, 2), Some(2));
    assert!(scaled.settled && scaled.serving && scaled.desired == 5 && scaled.ready == 2, "{scaled:?}");
    assert!(!readiness::of(&workload(5, 1), Some(2)).serving);
    assert!(!readiness::of(&workload(5, 2), None).serving);
    let stopped = readiness::of(&workload(0, 0), None);
    assert!(stopped.settled && stopped.serving && stopped.desired == 0, "{stopped:?}");
}
