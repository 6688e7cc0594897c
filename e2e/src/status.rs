//! Reading a platform's status, as a person or a pipeline would.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use operator::api::{OrionPlatform, UnitStatus};

pub fn condition<'a>(platform: &'a OrionPlatform, kind: &str) -> Option<&'a Condition> {
    platform.status.as_ref()?.conditions.iter().find(|condition| condition.type_ == kind)
}

pub fn is_true(platform: &OrionPlatform, kind: &str) -> bool {
    condition(platform, kind).is_some_and(|condition| condition.status == "True")
}

pub fn observed(platform: &OrionPlatform) -> Option<i64> {
    platform.status.as_ref().map(|status| status.observed_generation)
}

/// Ready, and about the spec as it is now.
pub fn is_ready(platform: &OrionPlatform) -> bool {
    let current = observed(platform) == platform.metadata.generation;
    current && is_true(platform, "Ready")
}

pub fn unit<'a>(platform: &'a OrionPlatform, name: &str) -> Option<&'a UnitStatus> {
    platform.status.as_ref()?.services.iter().find(|unit| unit.name == name)
}

/// What the status says about a unit; empty if nothing.
pub fn message<'a>(platform: &'a OrionPlatform, name: &str) -> &'a str {
    unit(platform, name).and_then(|unit| unit.message.as_deref()).unwrap_or_default()
}

/// The whole status, for a test that fails.
pub fn told(platform: &OrionPlatform) -> String {
    let generation = platform.metadata.generation.unwrap_or_default();
    let status = serde_json::to_string_pretty(&platform.status).unwrap_or_default();
    format!("generation {generation}, status {status}")
}
