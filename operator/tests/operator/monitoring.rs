//! What Prometheus' operator is given of a platform.

use operator::api::examples;
use operator::controller::kinds::{Kind, Presence};
use operator::plan::monitoring::objects;
use serde_json::{Value, json};

fn objects_of(spec: &str) -> Vec<Value> {
    objects(&examples::platform("shop", "orion", spec))
}

#[test]
fn nothing_is_made_that_nobody_asked_for() {
    for spec in ["{}", "{monitoring: {}}"] {
        assert_eq!(objects_of(spec), Vec::<Value>::new(), "{spec}");
    }
    let kinds = |spec: &str| objects_of(spec).iter().map(|o| o["kind"].clone()).collect::<Vec<_>>();
    assert_eq!(kinds("{monitoring: {podMonitor: {}}}"), ["PodMonitor"]);
    assert_eq!(kinds("{monitoring: {rules: {}}}"), ["PrometheusRule"]);
}

#[test]
fn the_pods_of_this_platform_alone_are_scraped_as_often_as_asked() {
    let [monitor] =
        &objects_of("{monitoring: {podMonitor: {interval: 15s, labels: {release: prometheus}}}}")[..]
    else {
        panic!("one object")
    };
    assert_eq!(monitor["metadata"]["name"], "orion-services");
    assert_eq!(monitor["metadata"]["labels"]["release"], "prometheus");
    let selector = &monitor["spec"]["selector"]["matchLabels"];
    let pod = pod_of("auth");
    for (label, value) in selector.as_object().expect("labels") {
        assert_eq!(pod["metadata"]["labels"][label], *value, "{label}");
    }
    assert_eq!(selector["app.kubernetes.io/instance"], "orion");
    let endpoint = &monitor["spec"]["podMetricsEndpoints"][0];
    assert_eq!(endpoint["interval"], "15s");
    let ports = pod["spec"]["containers"][0]["ports"].as_array().expect("ports");
    let port = ports.iter().find(|port| port["name"] == endpoint["port"]).expect("the port that is scraped");
    assert_eq!(port["containerPort"], json!(catalog::MANAGEMENT_PORT));
}

/// The pod template of a service.
fn pod_of(unit: &str) -> Value {
    let plan = crate::plan::planned("{}");
    let objects = &plan.unit(unit).expect("the unit").objects;
    let deployment = objects.iter().find(|object| object["kind"] == "Deployment").expect("a Deployment");
    deployment["spec"]["template"].clone()
}

#[test]
fn a_cluster_without_prometheus_has_whole_platforms() {
    for object in objects_of("{monitoring: {podMonitor: {}, rules: {}}}") {
        let kind =
            Kind::named(object["kind"].as_str().expect("a kind")).expect("a kind that is looked after");
        assert_eq!(kind.presence, Presence::Welcome);
        assert_eq!(object["apiVersion"], kind.api_version());
        // What is known by these is found, mended, and removed with the platform.
        assert_eq!(object["metadata"]["labels"]["app.kubernetes.io/managed-by"], "orion-operator");
    }
}
