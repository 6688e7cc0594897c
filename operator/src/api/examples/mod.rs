//! Specs that must be accepted and specs that must be refused, each with what the refusal must say.
//!
//! The end-to-end tests give them to a real API server; `validate`'s and the plan's tests read them too.

mod bad;
mod changes;
mod good;

use super::platform::{OrionPlatform, OrionPlatformSpec};
use serde_json::{Value, json};

pub use bad::{BAD, INVALID};
pub use changes::{CHANGES, NAMES};
pub use good::GOOD;

/// A spec that is accepted, as YAML.
#[derive(Clone, Copy, Debug)]
pub struct Good {
    pub what: &'static str,
    pub spec: &'static str,
}

/// A spec that the API server refuses, as YAML.
#[derive(Clone, Copy, Debug)]
pub struct Bad {
    pub what: &'static str,
    pub spec: &'static str,
    /// The field that the refusal names.
    pub field: &'static str,
    /// A part of what it says.
    pub says: &'static str,
}

/// A spec that is accepted, and another that is to take its place.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    pub what: &'static str,
    pub from: &'static str,
    pub to: &'static str,
    /// A part of what the refusal says; None where the change is accepted.
    pub refused: Option<&'static str>,
}

/// The object as it would be in a manifest, for `spec` as YAML.
pub fn manifest(namespace: &str, name: &str, spec: &str) -> Value {
    let spec: Value = serde_saphyr::from_str(spec).expect("the examples are YAML");
    json!({
        "apiVersion": "orion.dev/v1alpha1",
        "kind": "OrionPlatform",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    })
}

/// The object as the operator has it: what the schema would add is added.
pub fn platform(namespace: &str, name: &str, spec: &str) -> OrionPlatform {
    let spec: OrionPlatformSpec = serde_saphyr::from_str(spec).expect("the examples are YAML of a spec");
    let mut platform = OrionPlatform::new(name, spec);
    platform.metadata.namespace = Some(namespace.to_owned());
    platform
}
