//! How many pods a service has, and what comes with that.

use super::plan::planned;
use serde_json::{Value, json};

fn auth(settings: &str) -> Vec<Value> {
    let spec = format!("{{services: [{{name: auth, {settings}}}]}}");
    planned(&spec).unit("auth").expect("a service").objects.clone()
}

fn of_kind(objects: &[Value], kind: &str) -> Option<Value> {
    objects.iter().find(|o| o["kind"] == kind).cloned()
}

#[test]
fn an_autoscaler_has_the_say_over_the_number_of_pods() {
    let objects =
        auth("autoscaling: {minReplicas: 2, maxReplicas: 5, targetMemoryUtilizationPercentage: 80}");
    let deployment = of_kind(&objects, "Deployment").expect("a Deployment");
    assert!(deployment["spec"].get("replicas").is_none());
    let autoscaler = of_kind(&objects, "HorizontalPodAutoscaler").expect("an autoscaler");
    let metric = |name: &str, percentage: i32| {
        let target = json!({"type": "Utilization", "averageUtilization": percentage});
        json!({"type": "Resource", "resource": {"name": name, "target": target}})
    };
    assert_eq!(
        autoscaler["spec"],
        json!({
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "orion-auth"},
            "minReplicas": 2, "maxReplicas": 5, "metrics": [metric("cpu", 70), metric("memory", 80)],
        })
    );
}

#[test]
fn only_what_has_more_than_one_pod_has_a_disruption_budget() {
    for (settings, has) in [
        ("replicas: 0", false),
        ("replicas: 1", false),
        ("replicas: 2", true),
        ("autoscaling: {maxReplicas: 5}", false),
        ("autoscaling: {minReplicas: 2, maxReplicas: 5}", true),
    ] {
        let budget = of_kind(&auth(settings), "PodDisruptionBudget");
        assert_eq!(budget.is_some(), has, "{settings}");
        if let Some(budget) = budget {
            let selector = json!({"app.kubernetes.io/name": "auth", "app.kubernetes.io/instance": "orion"});
            assert_eq!(
                budget["spec"],
                json!({"maxUnavailable": 1, "unhealthyPodEvictionPolicy": "AlwaysAllow",
                    "selector": {"matchLabels": selector}})
            );
        }
    }
}

#[test]
fn scaling_restarts_nothing() {
    let template =
        |settings: &str| of_kind(&auth(settings), "Deployment").expect("it")["spec"]["template"].clone();
    let one = template("replicas: 1");
    for settings in ["replicas: 0", "replicas: 7", "autoscaling: {minReplicas: 3, maxReplicas: 9}"] {
        assert_eq!(template(settings), one, "{settings}");
    }
    let keys = |template: &Value| {
        let spread = template["spec"]["topologySpreadConstraints"].as_array().cloned().unwrap_or_default();
        spread.iter().map(|s| s["topologyKey"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(keys(&one), ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]);
    let own = template("pod: {topologySpread: [{maxSkew: 2, topologyKey: rack}]}");
    assert_eq!(keys(&own), ["rack"]);
}

#[test]
fn stopped_and_switched_off_are_different_things() {
    let stopped = planned("{services: [{name: gateway, replicas: 0}]}");
    let stopped = stopped.unit("gateway").expect("a service");
    let deployment = of_kind(&stopped.objects, "Deployment").expect("it stays");
    assert!(stopped.enabled && deployment["spec"]["replicas"] == 0);
    let off = planned("{services: [{name: gateway, enabled: false}]}");
    assert!(off.unit("gateway").is_some_and(|unit| !unit.enabled && unit.objects.is_empty()));
}

#[test]
fn time_to_end_is_shared_with_running_requests_unless_the_spec_says_how() {
    let grace = |settings: &str| {
        let deployment = of_kind(&auth(settings), "Deployment").expect("it");
        let pod = &deployment["spec"]["template"]["spec"];
        let env = pod["containers"][0]["env"].as_array().cloned().unwrap_or_default();
        let found = env.iter().filter(|v| v["name"] == "ORION_SHUTDOWN_GRACE");
        let values: Vec<String> = found.map(|v| v["value"].as_str().unwrap_or_default().to_owned()).collect();
        (pod["terminationGracePeriodSeconds"].as_i64().unwrap_or_default(), values)
    };
    assert_eq!(grace("replicas: 1"), (30, vec![]));
    assert_eq!(grace("pod: {terminationGracePeriodSeconds: 60}"), (60, vec!["48s".to_owned()]));
    let own = "env: [{name: ORION_SHUTDOWN_GRACE, value: 5s}], pod: {terminationGracePeriodSeconds: 60}";
    assert_eq!(grace(own), (60, vec!["5s".to_owned()]));
}

#[test]
fn pods_are_labelled_and_placed_as_the_spec_says_and_stay_the_operators() {
    let objects = auth(
        "pod: {priorityClassName: high, labels: {team: blue, app.kubernetes.io/name: user}, affinity: {podAntiAffinity: \
         {requiredDuringSchedulingIgnoredDuringExecution: [{labelSelector: {matchLabels: {app: noisy}}, topologyKey: rack}]}}}",
    );
    let template = of_kind(&objects, "Deployment").expect("it")["spec"]["template"].clone();
    assert_eq!(template["metadata"]["labels"]["team"], "blue");
    assert_eq!(template["metadata"]["labels"]["app.kubernetes.io/name"], "auth");
    assert_eq!(template["spec"]["priorityClassName"], "high");
    assert_eq!(
        template["spec"]["affinity"],
        json!({"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [
            {"labelSelector": {"matchLabels": {"app": "noisy"}}, "topologyKey": "rack"},
        ]}})
    );
}
