//! Whether there is anything to write.

use operator::controller::diff::first;
use serde_json::{Value, json};

fn planned() -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "orion-auth", "labels": {"app.kubernetes.io/name": "auth"}},
        "spec": {"replicas": 1, "template": {"spec": {
            "containers": [{
                "name": "auth", "image": "auth:1",
                "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                "ports": [{"name": "http", "containerPort": 3001}],
                "resources": {"requests": {"cpu": "1", "memory": "1024Mi"}},
                "args": ["run"],
            }],
            "imagePullSecrets": [],
            "volumes": [{"name": "tmp", "emptyDir": {}}],
        }}},
    })
}

/// As the API server gives it back: with defaults, its own way of writing quantities, and who set what.
fn live() -> Value {
    let mut live = planned();
    live["metadata"]["uid"] = "1".into();
    live["spec"]["strategy"] = json!({"type": "RollingUpdate"});
    let pod = &mut live["spec"]["template"]["spec"];
    pod.as_object_mut().expect("an object").remove("imagePullSecrets");
    pod["containers"][0]["ports"][0]["protocol"] = "TCP".into();
    pod["containers"][0]["resources"]["requests"] = json!({"cpu": "1000m", "memory": "1Gi"});
    live["metadata"]["managedFields"] = json!([{
        "manager": "orion-operator", "operation": "Apply",
        "fieldsV1": {
            "f:metadata": {"f:labels": {"f:app.kubernetes.io/name": {}}},
            "f:spec": {"f:replicas": {}, "f:template": {"f:spec": {
                "f:containers": {"k:{\"name\":\"auth\"}": {
                    ".": {}, "f:name": {}, "f:image": {}, "f:args": {},
                    "f:env": {"k:{\"name\":\"A\"}": {".": {}, "f:name": {}, "f:value": {}},
                              "k:{\"name\":\"B\"}": {".": {}, "f:name": {}, "f:value": {}}},
                    "f:ports": {"k:{\"containerPort\":3001,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}, "f:name": {}}},
                    "f:resources": {"f:requests": {"f:cpu": {}, "f:memory": {}}},
                }},
                "f:imagePullSecrets": {},
                "f:volumes": {"k:{\"name\":\"tmp\"}": {".": {}, "f:name": {}, "f:emptyDir": {}}},
            }}},
        },
    }]);
    live
}

#[test]
fn what_the_api_server_filled_in_is_no_difference() {
    assert_eq!(first(&planned(), &live()), None);
}

#[test]
fn what_others_set_is_no_difference() {
    let mut live = live();
    live["metadata"]["annotations"] = json!({"team": "blue"});
    let pod = &mut live["spec"]["template"]["spec"];
    pod["containers"].as_array_mut().expect("a list").insert(0, json!({"name": "mesh", "image": "mesh:1"}));
    pod["containers"][1]["env"].as_array_mut().expect("a list").insert(0, json!({"name": "C", "value": "3"}));
    assert_eq!(first(&planned(), &live), None);
}

#[test]
fn every_change_of_a_planned_field_is_found() {
    let changes: [(&str, Value); 6] = [
        ("/metadata/labels/app.kubernetes.io~1name", json!("other")),
        ("/spec/replicas", json!(3)),
        ("/spec/template/spec/containers/0/image", json!("auth:2")),
        ("/spec/template/spec/containers/0/env/1/value", json!("3")),
        ("/spec/template/spec/containers/0/args", json!(["run", "faster"])),
        ("/spec/template/spec/containers/0/resources/requests/memory", json!("2Gi")),
    ];
    for (path, value) in changes {
        let mut live = live();
        *live.pointer_mut(path).expect("a path in the object") = value;
        assert!(first(&planned(), &live).is_some(), "{path}");
    }
}

#[test]
fn what_is_gone_from_the_live_object_is_found() {
    for path in [
        "/spec/template/spec/containers/0/env",
        "/spec/template/spec/volumes",
        "/spec/template/spec/containers",
    ] {
        let mut live = live();
        *live.pointer_mut(path).expect("a path in the object") = json!([]);
        assert!(first(&planned(), &live).is_some(), "{path}");
    }
}

#[test]
fn what_was_planned_once_and_is_no_longer_is_found() {
    for path in ["/metadata/labels/app.kubernetes.io~1name", "/spec/template/spec/containers/0/args"] {
        let mut plan = planned();
        let (parent, key) = path.rsplit_once('/').expect("a path");
        let parent =
            plan.pointer_mut(parent).expect("a path in the object").as_object_mut().expect("an object");
        parent.remove(&key.replace("~1", "/")).expect("a field");
        assert!(first(&plan, &live()).is_some(), "{path}");
    }
    let mut plan = planned();
    plan["spec"]["template"]["spec"]["containers"][0]["env"].as_array_mut().expect("a list").remove(0);
    assert!(first(&plan, &live()).is_some(), "an environment variable");
}

/// Lists in there have no keys of their own: one port or peer too many lets in who must stay out.
#[test]
fn a_network_policy_with_more_than_planned_differs() {
    let port = |number: u16| json!({"protocol": "TCP", "port": number});
    let policy = |ports: &[u16]| {
        let ports: Vec<Value> = ports.iter().map(|number| port(*number)).collect();
        json!({"kind": "NetworkPolicy", "spec": {"ingress": [{"from": [{"podSelector": {}}], "ports": ports}]}})
    };
    assert_eq!(first(&policy(&[3001]), &policy(&[3001])), None);
    assert_eq!(first(&policy(&[3001]), &policy(&[3001, 22])).as_deref(), Some("spec.ingress.0.ports"));
    assert!(first(&policy(&[3001, 9000]), &policy(&[3001])).is_some());
    let mut open = policy(&[3001]);
    open["spec"]["ingress"] = json!([open["spec"]["ingress"][0], {}]);
    assert!(first(&policy(&[3001]), &open).is_some());
}
