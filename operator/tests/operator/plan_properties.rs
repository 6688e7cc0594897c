//! What holds of every plan, whatever the spec: it is made without panic, its names fit, its pods are restricted.

use super::any_platform::any_platform;
use operator::api::OrionPlatform;
use operator::api::examples::{BAD, GOOD, platform};
use operator::plan::{CONFIG_HASH, Inputs, Plan, SecretKey, is_reserved, plan};
use proptest::prelude::*;
use serde_json::Value;
use std::collections::BTreeSet;

const IMAGE: &str = super::plan::IMAGE;

fn planned(platform: &OrionPlatform) -> Plan {
    plan(&Inputs {
        platform,
        storekeeper_image: IMAGE,
        operator_namespace: "orion-system",
        operator_version: "0.1.0",
    })
}

#[test]
fn every_example_is_planned_soundly() {
    for example in GOOD {
        check(&platform("default", "orion", example.spec));
    }
}

/// A plan must not fail on what an older schema has let through.
#[test]
fn even_what_the_schema_refuses_is_planned_without_panic() {
    for example in BAD {
        let manifest = operator::api::examples::manifest("default", "orion", example.spec);
        if let Ok(platform) = serde_json::from_value::<OrionPlatform>(manifest) {
            planned(&platform);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_valid_spec_is_planned_soundly(platform in any_platform()) {
        check(&platform);
    }
}

fn check(platform: &OrionPlatform) {
    let plan = planned(platform);
    assert_eq!(plan, planned(platform), "the same spec, the same plan");
    let name = platform.metadata.name.as_deref().expect("a name");
    let mut seen = BTreeSet::new();
    let secrets: BTreeSet<&str> =
        plan.units.iter().flat_map(|u| &u.secrets).map(|secret| secret.name.as_str()).collect();
    for unit in &plan.units {
        for object in &unit.objects {
            let metadata = &object["metadata"];
            fits(metadata["name"].as_str().expect("a name"), name);
            let id = format!("{}/{}", object["kind"], metadata["name"]);
            assert!(seen.insert(id.clone()), "{id} is planned twice");
            labelled(&metadata["labels"], &unit.name, name);
            nothing_is_empty(object, &id);
            is_valid(object);
            if object["spec"]["template"].is_object() {
                workload(object, &unit.name, name);
            }
            if object["kind"] == "CronJob" {
                restricted(&object["spec"]["jobTemplate"]["spec"]["template"]["spec"], &unit.name);
            }
        }
        for secret in &unit.secrets {
            assert!(secret.name.len() <= 253 && secret.name.starts_with(name), "{}", secret.name);
            labelled(&serde_json::to_value(&secret.labels).expect("JSON"), &secret.unit, name);
            templates_are_closed(&secret.keys);
        }
    }
    mounts_exist(&plan, &secrets, platform);
    pods_are_isolated(&plan, platform);
}

/// Nothing is in an object that its type doesn't have, and nothing has another type.
fn is_valid(object: &Value) {
    fn round_trip<T: serde::de::DeserializeOwned + serde::Serialize>(object: &Value) -> Value {
        let read: T =
            serde_json::from_value(object.clone()).unwrap_or_else(|error| panic!("{error}: {object}"));
        serde_json::to_value(read).expect("JSON")
    }
    let again = match object["kind"].as_str().expect("a kind") {
        "Ingress" => round_trip::<k8s_openapi::api::networking::v1::Ingress>(object),
        "NetworkPolicy" => round_trip::<k8s_openapi::api::networking::v1::NetworkPolicy>(object),
        "Service" => round_trip::<k8s_openapi::api::core::v1::Service>(object),
        _ => return,
    };
    assert_eq!(&again, object);
}

/// With policies every pod is selected by exactly one, which is about both directions; without there are none.
fn pods_are_isolated(plan: &Plan, platform: &OrionPlatform) {
    let wanted = platform.spec.network_policies.as_ref().is_some_and(|policies| policies.enabled);
    let objects = || plan.units.iter().flat_map(|u| &u.objects);
    let policies: Vec<&Value> = objects().filter(|o| o["kind"] == "NetworkPolicy").collect();
    assert!(wanted || policies.is_empty());
    let templates =
        objects().flat_map(|o| [&o["spec"]["template"], &o["spec"]["jobTemplate"]["spec"]["template"]]);
    for template in templates.filter(|t| t.is_object() && wanted) {
        let selects = |policy: &&&Value| {
            let wanted = policy["spec"]["podSelector"]["matchLabels"].as_object().expect("a selector");
            wanted.iter().all(|(key, value)| template["metadata"]["labels"][key] == *value)
        };
        let selecting: Vec<&&Value> = policies.iter().filter(selects).collect();
        assert_eq!(selecting.len(), 1, "{}", template["metadata"]["labels"]);
        assert_eq!(selecting[0]["spec"]["policyTypes"], serde_json::json!(["Ingress", "Egress"]));
    }
}

fn fits(name: &str, platform: &str) {
    let valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    assert!(name.len() <= 63 && name.chars().all(valid) && !name.ends_with('-'), "{name}");
    // A StatefulSet says how the claims of its pods are named: "data" is that of the claim in it.
    let whose = name.strip_prefix("data-").unwrap_or(name);
    assert!(whose.starts_with(platform), "{name} does not say whose it is");
}

/// What is empty the API server leaves out, and the plan would differ from what is there for ever.
fn nothing_is_empty(value: &Value, path: &str) {
    match value {
        Value::Null => panic!("{path} is null"),
        Value::Array(items) => {
            assert!(!items.is_empty(), "{path} is an empty list");
            items.iter().enumerate().for_each(|(i, item)| nothing_is_empty(item, &format!("{path}[{i}]")));
        }
        Value::Object(fields) => {
            assert!(!fields.is_empty() || path.ends_with("emptyDir"), "{path} is an empty object");
            // Keys and values of these are people's own.
            let maps = ["annotations", "nodeSelector", "data", "matchLabels"];
            let fields = fields.iter().filter(|(key, _)| !maps.contains(&key.as_str()));
            fields.for_each(|(key, field)| nothing_is_empty(field, &format!("{path}.{key}")));
        }
        Value::String(text) => assert!(!text.is_empty(), "{path} is empty text"),
        Value::Bool(_) | Value::Number(_) => {}
    }
}

fn labelled(labels: &Value, unit: &str, platform: &str) {
    assert_eq!(labels["app.kubernetes.io/name"], unit);
    assert_eq!(labels["app.kubernetes.io/instance"], platform);
    assert_eq!(labels["app.kubernetes.io/managed-by"], "orion-operator");
    for (key, value) in labels.as_object().expect("labels") {
        let value = value.as_str().expect("labels are text");
        assert!(value.len() <= 63 && !value.is_empty(), "{key}={value}");
    }
}

/// Meets the restricted Pod Security level, and selects its own pods only.
fn workload(object: &Value, unit: &str, platform: &str) {
    let template = &object["spec"]["template"];
    labelled(&template["metadata"]["labels"], unit, platform);
    assert!(template["metadata"]["annotations"][CONFIG_HASH].is_string(), "{unit} has no hash");
    if object["kind"] != "Job" {
        for (key, value) in object["spec"]["selector"]["matchLabels"].as_object().expect("a selector") {
            assert_eq!(&template["metadata"]["labels"][key], value);
        }
    }
    restricted(&template["spec"], unit);
}

fn restricted(pod: &Value, unit: &str) {
    let context = &pod["securityContext"];
    assert_eq!(context["runAsNonRoot"], true);
    assert!(context["runAsUser"].as_i64().is_some_and(|id| id > 0), "{unit}");
    assert_eq!(context["seccompProfile"]["type"], "RuntimeDefault");
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(pod["enableServiceLinks"], false);
    for forbidden in ["hostNetwork", "hostPID", "hostIPC"] {
        assert!(pod.get(forbidden).is_none(), "{unit} has {forbidden}");
    }
    for volume in pod["volumes"].as_array().expect("volumes") {
        let kinds = ["configMap", "secret", "projected", "emptyDir", "persistentVolumeClaim"];
        assert!(kinds.iter().any(|kind| volume.get(kind).is_some()), "{unit}: {volume}");
    }
    let first = pod["initContainers"].as_array().into_iter().flatten();
    for container in first.chain(pod["containers"].as_array().expect("containers")) {
        let context = &container["securityContext"];
        assert_eq!(context["allowPrivilegeEscalation"], false);
        assert_eq!(context["readOnlyRootFilesystem"], true);
        assert_eq!(context["capabilities"]["drop"], serde_json::json!(["ALL"]));
        resources_are_consistent(&container["resources"]);
        variables_are_unique(container);
    }
}

fn resources_are_consistent(resources: &Value) {
    for kind in ["cpu", "memory"] {
        let amount = |part: &str| {
            let text = resources[part][kind].as_str()?;
            Some(operator::plan::quantity::milli(text).expect("a quantity"))
        };
        let request = amount("requests").expect("every container requests something");
        assert!(amount("limits").is_none_or(|limit| request <= limit), "{resources}");
    }
    assert!(resources["limits"]["memory"].is_string(), "no memory limit: {resources}");
}

fn variables_are_unique(container: &Value) {
    let empty = Vec::new();
    let all = container["env"].as_array().unwrap_or(&empty);
    let names: BTreeSet<&str> = all.iter().filter_map(|v| v["name"].as_str()).collect();
    assert_eq!(names.len(), all.len(), "{container}");
}

fn templates_are_closed(keys: &[(String, SecretKey)]) {
    for (name, key) in keys {
        let SecretKey::Template(text) = key else { continue };
        for reference in text.split("${").skip(1) {
            let (inside, _) =
                reference.split_once('}').unwrap_or_else(|| panic!("{name} is not closed: {text}"));
            let own = inside.contains(':') || keys.iter().any(|(other, _)| other == inside);
            assert!(own, "{name} refers to {inside}, which is not there");
        }
    }
}

/// What a pod mounts is planned, made by the controller (the callers' keys), or somebody else's (a store's that others
/// run).
fn mounts_exist(plan: &Plan, secrets: &BTreeSet<&str>, platform: &OrionPlatform) {
    let objects = || plan.units.iter().flat_map(|u| &u.objects);
    let planned =
        |kind: &str, name: &Value| objects().any(|o| o["kind"] == kind && o["metadata"]["name"] == *name);
    let spec = serde_json::to_string(&platform.spec).expect("JSON");
    // The operators of replicated stores make these beside their clusters.
    let others = |name: &str| {
        let made = [("Cluster", "-ca"), ("Cluster", "-superuser"), ("RabbitmqCluster", "-default-user")];
        made.iter().any(|(kind, end)| {
            name.strip_suffix(end).is_some_and(|cluster| planned(kind, &Value::from(cluster)))
        })
    };
    let of_cron =
        |o: &Value| o["spec"]["jobTemplate"]["spec"]["template"]["spec"]["volumes"].as_array().cloned();
    let of_pods =
        |o: &Value| o["spec"]["template"]["spec"]["volumes"].as_array().cloned().or_else(|| of_cron(o));
    for volume in objects().filter_map(of_pods).flatten() {
        if let Some(name) = volume["secret"]["secretName"].as_str() {
            let known = secrets.contains(name) || spec.contains(&format!("{name:?}")) || others(name);
            assert!(known, "{name} is nobody's");
        }
        let config = &volume["configMap"]["name"];
        let late = config.as_str().is_some_and(|name| name.ends_with("-caller-keys"));
        assert!(config.is_null() || late || planned("ConfigMap", config), "{config} is nobody's");
        let claim = &volume["persistentVolumeClaim"]["claimName"];
        let given = spec.contains(&format!("\"claimName\":{claim}"));
        assert!(claim.is_null() || given || planned("PersistentVolumeClaim", claim), "{claim} is nobody's");
    }
}

#[test]
fn the_operators_variables_are_reserved() {
    let plan = planned(&platform("default", "orion", "{}"));
    let services = plan.units.iter().flat_map(|u| &u.objects).filter(|o| o["kind"] == "Deployment");
    for deployment in services {
        for variable in
            deployment["spec"]["template"]["spec"]["containers"][0]["env"].as_array().expect("env")
        {
            let name = variable["name"].as_str().expect("a name");
            assert!(is_reserved(name), "{name} could be set in the spec as well");
        }
    }
}
