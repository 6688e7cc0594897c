//! The resource's definition: committed as generated, structural, bounded, explained.

use operator::api::{crd, crd_yaml, examples};
use serde_json::{Value, json};

const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../crds/orionplatforms.yaml");

#[test]
fn the_committed_definition_is_the_generated_one() {
    let committed = std::fs::read_to_string(COMMITTED).unwrap_or_default();
    assert!(committed == crd_yaml(), "crds/orionplatforms.yaml is out of date: run `cargo xtask crds`");
}

#[test]
fn the_definition_is_small_enough_for_client_side_apply() {
    let length = serde_json::to_string(&crd()).expect("JSON").len();
    assert!(length < 200_000, "{length} bytes do not fit the annotation that kubectl apply keeps");
}

#[test]
fn a_platform_nobody_has_looked_at_says_generation_minus_one() {
    let schema = schema();
    let status = &schema["properties"]["status"];
    assert_eq!(status["default"], json!({"observedGeneration": -1}));
    assert_eq!(status["properties"]["observedGeneration"]["default"], json!(-1));
}

#[test]
fn version_and_ways_in_have_no_default_that_would_stay_in_the_object() {
    let schema = schema();
    let spec = &schema["properties"]["spec"]["properties"];
    for field in ["version", "exposure", "postgres", "redis", "rabbitmq", "services"] {
        assert!(spec[field].get("default").is_none(), "{field} has a default");
    }
    assert_eq!(spec["deletionPolicy"]["default"], "RetainData");
    let rollout = json!({"tierTimeout": "5m", "onFailure": "Hold", "revisionHistoryLimit": 10});
    assert_eq!(spec["rollout"]["default"], rollout);
}

#[test]
fn services_are_a_list_by_name_of_those_in_the_catalog() {
    let schema = schema();
    let services = &schema["properties"]["spec"]["properties"]["services"];
    assert_eq!(services["x-kubernetes-list-type"], "map");
    assert_eq!(services["x-kubernetes-list-map-keys"], json!(["name"]));
    let names: Vec<&str> = catalog::SERVICES.iter().map(|s| s.name).collect();
    assert_eq!(services["items"]["properties"]["name"]["enum"], json!(names));
}

#[test]
fn every_part_of_the_schema_is_structural() {
    walk(&schema(), "", &mut |path, node| {
        for word in ["$ref", "anyOf", "oneOf", "allOf", "not", "nullable", "$schema", "definitions"] {
            assert!(node.get(word).is_none(), "{path} has {word}");
        }
        assert!(node["type"].is_string(), "{path} has no type");
        assert_ne!(node["additionalProperties"], false, "{path} forbids additional properties");
    });
}

/// Without bounds the API server assumes the largest and refuses the rules as too expensive.
#[test]
fn every_list_map_and_string_of_the_spec_is_bounded() {
    walk(&schema()["properties"]["spec"], "spec", &mut |path, node| match node["type"].as_str() {
        Some("string") => {
            assert!(node.get("maxLength").is_some() || node.get("enum").is_some(), "{path} has no maxLength");
        }
        Some("array") => assert!(node.get("maxItems").is_some(), "{path} has no maxItems"),
        Some("object") if node.get("additionalProperties").is_some() => {
            assert!(node.get("maxProperties").is_some(), "{path} has no maxProperties");
        }
        _ => {}
    });
}

#[test]
fn every_field_is_explained_and_every_rule_says_what_to_write() {
    walk(&schema(), "", &mut |path, node| {
        for (name, field) in node["properties"].as_object().into_iter().flatten() {
            let text = field["description"].as_str().unwrap_or_default();
            assert!(text.ends_with('.'), "{path}.{name} is not explained in sentences: {text:?}");
        }
        for rule in node["x-kubernetes-validations"].as_array().into_iter().flatten() {
            let message = rule["message"].as_str().unwrap_or_default();
            assert!(message.len() > 30, "{path}: a rule without a message that helps: {rule}");
        }
    });
}

#[test]
fn the_examples_are_what_they_say() {
    for example in examples::GOOD {
        let manifest = examples::manifest("default", "orion", example.spec);
        let read: operator::api::OrionPlatform =
            serde_json::from_value(manifest).unwrap_or_else(|e| panic!("{}: {e}", example.what));
        // What the operator writes down again is what it has read.
        let again =
            serde_json::from_value(serde_json::to_value(&read).expect("JSON")).expect("JSON of its own");
        assert_eq!(read, again, "{}", example.what);
    }
    let bad = examples::BAD.iter().chain(examples::INVALID);
    for example in bad {
        assert!(!example.says.is_empty() && !example.field.is_empty(), "{}", example.what);
        examples::manifest("default", "orion", example.spec);
    }
}

fn schema() -> Value {
    let crd = serde_json::to_value(crd()).expect("a definition is JSON");
    crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"].clone()
}

fn walk(node: &Value, path: &str, visit: &mut impl FnMut(&str, &Value)) {
    visit(path, node);
    for (name, field) in node["properties"].as_object().into_iter().flatten() {
        walk(field, &format!("{path}.{name}"), visit);
    }
    if node.get("items").is_some() {
        walk(&node["items"], &format!("{path}[]"), visit);
    }
    if node["additionalProperties"].is_object() {
        walk(&node["additionalProperties"], &format!("{path}{{}}"), visit);
    }
}
