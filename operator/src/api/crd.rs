//! The CustomResourceDefinition as it is committed under `crds/` and templated into the Helm chart.

use super::platform::OrionPlatform;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::CustomResourceExt;
use serde_json::{Value, json};

/// The definition, as the API server is given it.
pub fn crd() -> CustomResourceDefinition {
    let mut value = serde_json::to_value(OrionPlatform::crd()).expect("a definition is JSON");
    let schema = &mut value["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
    tidy(schema);
    // A reader that asks before the operator has answered must see that nothing was observed yet, not generation 0.
    let status = &mut schema["properties"]["status"];
    status["default"] = json!({"observedGeneration": -1});
    status["properties"]["observedGeneration"]["default"] = json!(-1);
    serde_json::from_value(value).expect("only values of the same types were changed")
}

/// The definition as YAML, with a line on top that says where it comes from.
pub fn crd_yaml() -> String {
    let mut value = serde_json::to_value(crd()).expect("a definition is JSON");
    whole_numbers(&mut value);
    let yaml = serde_saphyr::to_string(&value).expect("a definition is YAML");
    format!("# Generated from operator/src/api by `cargo xtask crds`; a test fails when it differs.\n{yaml}")
}

/// Takes out what schemars says and Kubernetes does not want.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            // An optional field is left out, not null: rules that ask `has()` would take null for a value.
            map.remove("nullable");
            if let Some(Value::Array(values)) = map.get_mut("enum") {
                values.retain(|value| !value.is_null());
            }
            if let Some(Value::String(text)) = map.get_mut("description") {
                // Lines end where the source's do; `kubectl explain` breaks them itself.
                *text = text.replace('\n', " ");
            }
            if map.contains_key("description")
                && let Some(Value::Object(items)) = map.get_mut("items")
            {
                // `kubectl explain` would print both, one after the other.
                items.remove("description");
            }
            map.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

/// Bounds are floating-point numbers in the type, and `65535.0` reads badly.
fn whole_numbers(value: &mut Value) {
    match value {
        Value::Object(map) => map.values_mut().for_each(whole_numbers),
        Value::Array(items) => items.iter_mut().for_each(whole_numbers),
        Value::Number(number) => {
            if let Some(float) = number.as_f64().filter(|f| f.fract() == 0.0 && f.abs() < 1e15) {
                *number = (float as i64).into();
            }
        }
        _ => {}
    }
}
